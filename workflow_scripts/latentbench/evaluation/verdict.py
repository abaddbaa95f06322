"""Whether a study ended as it should: the last word, once everything that could be had is
written.
"""

import pandas as pd

from latentbench.outcomes import Outcome
from latentbench.study.applicability import CONSENSUS

FAILURES = (Outcome.FAILED, Outcome.DIVERGED, Outcome.OOM, Outcome.TIMEOUT, Outcome.DEGENERATE)
"""Outcomes that nobody planned; that something does not apply is no failure."""


def verdict(status: pd.DataFrame, *, allow_failures: bool) -> str:
    """Return a sentence on how the replicas ended; ``status`` has columns dataset, model, kind,
    seed, status, reason; the consensus does not count.

    Raises:
        ValueError: replicas failed and ``allow_failures`` is False; the message names them, their
        logs and how to train them again.
    """
    trained = status[status["kind"] != CONSENSUS]
    failed = trained[trained["status"].isin(FAILURES)]
    planned = int((trained["status"] != Outcome.NOT_APPLICABLE).sum())
    if failed.empty:
        return f"all {planned} replicas ended ok"
    cells = failed.groupby(["dataset", "model"], sort=True)
    told = [
        f"{dataset}, {model}, seed {', '.join(str(seed) for seed in group['seed'])}:"
        f" {', '.join(sorted(set(group['status'])))}: {group['reason'].iloc[0]} (log:"
        f" results/logs/train/{dataset}/{model}.log)"
        for (dataset, model), group in cells
    ]
    summary = f"{len(failed)} of {planned} replicas did not end ok"
    if allow_failures:
        return "; ".join([f"{summary}, which the config allows", *told])
    again = " ".join(
        f"results/models/{dataset}/{model}/status.json" for dataset, model in cells.groups
    )
    raise ValueError(
        f"{summary}:\n  "
        + "\n  ".join(told)
        + "\nTables, figures and the report are written and show them. Either set allow_failures:"
        " true in the config, or mend the cause; to train them again as they are: snakemake"
        f" --cores all --forcerun {again}"
    )
