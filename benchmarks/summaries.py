"""What interleaved rounds say: medians, ratios and their spread."""

from collections.abc import Sequence

import pandas as pd


def summarise_times(
    rounds: pd.DataFrame, *, reference: str, by: Sequence[str] = ()
) -> pd.DataFrame:
    """Return one row for each side of each task (``by``: the columns that name a task) from
    (``*by``, side, round, us_per_cell).

    ``us_min`` is the least over rounds, ``us_per_cell``, ``us_q1`` and ``us_q3`` their median and
    quartiles; ``times_faster`` and its quartiles those of ``reference``'s time over the side's in
    the same round, which is what a busy machine leaves untouched (missing where the reference was
    not asked).
    """
    keys = [*by, "round"]
    of_reference = rounds[rounds["side"] == reference].set_index(keys)["us_per_cell"]
    frame = rounds.join(of_reference.rename("reference"), on=keys)
    frame["times_faster"] = frame["reference"] / frame["us_per_cell"]
    grouped = frame.groupby([*by, "side"], sort=False)
    columns = {"rounds": grouped.size(), "us_min": grouped["us_per_cell"].min()}
    for column, short in (("us_per_cell", "us"), ("times_faster", "times")):
        columns |= {
            column: grouped[column].median(),
            f"{short}_q1": grouped[column].quantile(0.25),
            f"{short}_q3": grouped[column].quantile(0.75),
        }
    return pd.DataFrame(columns).reset_index()


def summarise_quality(scores: pd.DataFrame, *, reference: str) -> pd.DataFrame:
    """Return mean, sd, best and worst seed of ``minus_elbo`` for each side of each task, and how
    far (in %) its mean lies above the reference's (worse).
    """
    grouped = scores.groupby(["task", "side"], sort=False)["minus_elbo"]
    columns = {
        "seeds": grouped.size(),
        "mean": grouped.mean(),
        "sd": grouped.std(),
        "best": grouped.min(),
        "worst": grouped.max(),
    }
    summary = pd.DataFrame(columns).reset_index()
    of_reference = summary[summary["side"] == reference].set_index("task")["mean"]
    summary["above_reference_percent"] = 100 * (
        summary["mean"] / summary["task"].map(of_reference) - 1
    )
    return summary
