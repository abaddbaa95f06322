"""Whether a study ended as it should: the last word, once everything that could be had is
written.
"""

from collections.abc import Mapping

import pandas as pd

from latentbench.outcomes import Outcome
from latentbench.study.applicability import CONSENSUS

FAILURES = (Outcome.FAILED, Outcome.DIVERGED, Outcome.OOM, Outcome.TIMEOUT, Outcome.DEGENERATE)
"""Outcomes that nobody planned; that something does not apply is no failure."""


WAYS_ON = (
    "Tables, figures and the report are written and show them. Either set allow_failures: true in"
    " the config, or mend the cause{and_then}"
)


def verdict(status: pd.DataFrame, *, refused: Mapping[str, str], allow_failures: bool) -> str:
    """Return a sentence on how the study ended; ``status`` has columns dataset, model, kind, seed,
    status, reason; the consensus does not count. ``refused``: data set -> why it was.

    Raises:
        ValueError: data sets were refused or replicas failed, and ``allow_failures`` is False; the
        message names them, their logs and what to do.
    """
    trained = status[status["kind"] != CONSENSUS]
    failed = trained[trained["status"].isin(FAILURES)]
    planned = int((trained["status"] != Outcome.NOT_APPLICABLE).sum())
    cells = failed.groupby(["dataset", "model"], sort=True)
    missing = [f"data set {dataset}: {reason}" for dataset, reason in refused.items()]
    ended = [
        f"{dataset}, {model}, seed {', '.join(str(seed) for seed in group['seed'])}:"
        f" {', '.join(sorted(set(group['status'])))}: {group['reason'].iloc[0]} (log:"
        f" results/logs/train/{dataset}/{model}.log)"
        for (dataset, model), group in cells
    ]
    counted = {
        f"data sets that could not be used: {len(missing)}": missing,
        f"{len(failed)} of {planned} replicas did not end ok": ended,
    }
    said = "; ".join(sentence for sentence, those in counted.items() if those)
    if not said:
        return f"all {planned} replicas ended ok"
    if allow_failures:
        return "; ".join([f"{said}, which the config allows", *missing, *ended])
    again = " ".join(
        f"results/models/{dataset}/{model}/status.json" for dataset, model in cells.groups
    )
    forced = f"; to train them again as they are: snakemake --cores all --forcerun {again}"
    and_then = forced if ended else " and run the same command again"
    raise ValueError(
        "\n  ".join([f"{said}:", *missing, *ended]) + "\n" + WAYS_ON.format(and_then=and_then)
    )
