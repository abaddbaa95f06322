"""Tidy scores: one row a (data set, model, seed, split, clustering, metric), a value or the typed
reason why there is none.
"""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
import pandas as pd

from latentbench.files.tables import SCORES
from latentbench.outcomes import Outcome, Unavailable

SPLITS = ("train", "test")
NO_CLUSTERING = "none"
ORACLE = "leiden_oracle"
"""The clustering that labels chose from several: never a headline, and marked as having seen
them."""


class Row(NamedTuple):
    """One score; ``seed`` is None for a clustering of all seeds together, ``clustering`` is
    ``NO_CLUSTERING`` for what needs none.
    """

    seed: int | None
    split: str
    clustering: str
    metric: str
    value: float | Unavailable


def scores_frame(
    rows: Iterable[Row], *, dataset: str, model: str, saw_labels: bool, headline: str
) -> pd.DataFrame:
    """Return the rows of one variant as a scores table;
    ``headline`` names its headline clustering.
    """
    rows = list(rows)
    gaps = [row.value if isinstance(row.value, Unavailable) else None for row in rows]
    frame = pd.DataFrame(
        {
            name: [getattr(row, name) for row in rows]
            for name in ("seed", "split", "clustering", "metric")
        }
    )
    frame = frame.assign(
        value=[np.nan if gap else row.value for row, gap in zip(rows, gaps, strict=True)],
        status=[str(gap.outcome) if gap else str(Outcome.OK) for gap in gaps],
        reason=[gap.reason if gap else "" for gap in gaps],
        dataset=dataset,
        model=model,
        saw_labels=saw_labels,
        headline=frame["clustering"] == headline,
    )
    return SCORES.stacked([frame])
