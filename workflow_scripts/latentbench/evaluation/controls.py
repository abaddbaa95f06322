"""The controls: models whose scores are known beforehand, so that a metric or a pipeline that runs
the wrong way is caught.
"""

from collections.abc import Mapping

import pandas as pd

from latentbench.outcomes import Outcome

NEEDLESS_TO_CHECK = (Outcome.NOT_APPLICABLE, Outcome.DEGENERATE)
SHUFFLED_BOUND = 0.05
SHUFFLED_SDS = 6.0


def check_controls(scores: pd.DataFrame, kinds: Mapping[str, str]) -> None:
    """Raise a ValueError that lists every control whose ARI is not what it must be.

    ``true_labels`` must score 1. ``shuffled_labels`` must stay within 0.05 of 0, a difference that
    no reader would call a finding, or, in samples so small that chance goes further, within 6
    standard deviations of the ARI of random clusters (``ari_null_sd``, exact; 6 and not 2 since a
    study makes hundreds of these checks and the distribution has a long right tail). A data set
    without usable labels has nothing to check; a control that failed is a broken control."""
    broken = [
        f"{row.dataset}, {row.model}, seed {row.seed}, {row.split} cells: {problem}"
        for row in _ari_of_controls(scores, kinds).itertuples()
        if (problem := _problem(kinds[row.model], row))
    ]
    if broken:
        raise ValueError(
            "controls out of bounds, so no score of this study can be trusted; look at the labels"
            " and the metrics:\n  " + "\n  ".join(broken)
        )


def _ari_of_controls(scores: pd.DataFrame, kinds: Mapping[str, str]) -> pd.DataFrame:
    """Return the ARI rows of both label controls' headline clustering, with the null standard
    deviation beside the value.
    """
    bounded = scores["model"].map(kinds).isin(["shuffled_labels", "true_labels"])
    rows = scores[bounded & scores["headline"] & ~scores["status"].isin(NEEDLESS_TO_CHECK)]
    keys = ["dataset", "model", "seed", "split", "clustering"]
    spread = rows.loc[rows["metric"] == "ari_null_sd", [*keys, "value"]].rename(
        columns={"value": "null_sd"}
    )
    return rows[rows["metric"] == "ari"].merge(spread, on=keys, how="left", validate="one_to_one")


def _problem(kind: str, row) -> str | None:
    if row.status != Outcome.OK:
        return f"{row.status}: {row.reason}"
    if kind == "true_labels":
        return (
            None
            if abs(row.value - 1.0) < 1e-9
            else f"ARI of the true labels is {row.value:.4f}, not 1"
        )
    bound = max(SHUFFLED_BOUND, SHUFFLED_SDS * row.null_sd)
    return (
        None
        if abs(row.value) < bound
        else f"ARI of shuffled labels is {row.value:.4f}, beyond {bound:.4f}"
    )
