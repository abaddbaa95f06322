"""What a training leaves behind: the trained model, a tidy history of its loss terms, and how each
replica ended.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from latentbench.models.interface import AbstractModel
from latentbench.outcomes import Outcome

HISTORY_TYPES = {"replica": int, "epoch": int, "term": str, "split": str, "value": float}

Row = tuple[int, str, Mapping[str, Sequence[float]]]
"""Epoch, split, and a value a replica of every term."""


@dataclass(frozen=True)
class ReplicaReport:
    """How the training of one replica ended: seconds of wall time, peak memory of its process (or
    of the device) in MB.
    """

    seed: int
    status: Outcome
    reason: str
    seconds: float
    peak_memory_mb: float
    epochs: int


@dataclass(frozen=True)
class Fitted:
    """A trained (stacked) model, its tidy history (replica, epoch, term, split, value) and a report
    a replica.
    """

    model: AbstractModel
    history: pd.DataFrame
    reports: list[ReplicaReport]


def empty_history() -> pd.DataFrame:
    """Return the history of a model that was not trained."""
    return pd.DataFrame({name: pd.Series(dtype=kind) for name, kind in HISTORY_TYPES.items()})


def tidy_history(
    rows: Sequence[Row], seeds: Sequence[int], last_epoch: Callable[[int], int]
) -> pd.DataFrame:
    """Return the rows as a tidy history, each replica's up to its last epoch; ``loss`` is the sum
    of the terms, each with weight one.
    """
    tidy = [
        (seed, epoch, name, split, each[index])
        for epoch, split, values in rows
        for name, each in values.items()
        for index, seed in enumerate(seeds)
        if epoch <= last_epoch(index)
    ]
    frame = pd.DataFrame(tidy, columns=list(HISTORY_TYPES)) if tidy else empty_history()
    return frame.sort_values(["replica", "split", "epoch"], kind="stable", ignore_index=True)
