"""What of a data set a study looks at, before anything else is done: the cells that the sheet
names, so many, and the genes that another one has too.
"""

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
import pandas as pd
from jaxtyping import Bool

from latentbench.logs import logger

SUBSET_SEED = 20180607


@dataclass(frozen=True)
class Subset:
    """``only``: ``<obs column>=<value>`` of the data sheet; ``max_obs``: cells that are kept, drawn
    at random without a look at labels; ``var_names``: the variables that may be kept. None: all."""

    only: str | None = None
    max_obs: int | None = None
    var_names: Collection[str] | None = None

    def choose(self, obs: pd.DataFrame, var: pd.DataFrame, *, where: str) -> "Chosen":
        """Return which cells and variables are kept.

        Raises:
            ValueError: a column or a value is not there, or no variable is shared.
        """
        named, variables = self._named(obs, where), self._shared(var, where)
        cells = named
        if self.max_obs is not None and named.sum() > self.max_obs:
            drawn = np.random.default_rng(SUBSET_SEED).choice(
                np.flatnonzero(named), self.max_obs, replace=False
            )
            cells = np.isin(np.arange(len(obs)), drawn)
        counts = {
            "cells_of_other_groups": (~named).sum(),
            "cells_not_drawn": (named & ~cells).sum(),
            "genes_not_shared": (~variables).sum(),
        }
        chosen = Chosen(
            cells, variables, {name: int(count) for name, count in counts.items() if count}
        )
        if chosen.left_out:
            logger.info(
                "%s: %s are left out",
                where,
                ", ".join(
                    f"{count} {name.replace('_', ' ')}" for name, count in chosen.left_out.items()
                ),
            )
        return chosen

    def _shared(self, var: pd.DataFrame, where: str) -> Bool[np.ndarray, " vars"]:
        if self.var_names is None:
            return np.ones(len(var), dtype=bool)
        keep = var.index.isin(list(self.var_names))
        if not keep.any():
            raise ValueError(
                f"{where}: genes_of: the other data set has none of its genes (such as"
                f" {', '.join(var.index[:3])}); give both the same names (var_names)"
            )
        return keep

    def _named(self, obs: pd.DataFrame, where: str) -> Bool[np.ndarray, " obs"]:
        if self.only is None:
            return np.ones(len(obs), dtype=bool)
        column, _, value = self.only.partition("=")
        if column not in obs:
            raise ValueError(
                f"{where}: only: no obs column '{column}'; the columns are:"
                f" {', '.join(obs.columns)}. Correct the 'only' column of the data sheet"
            )
        keep = (obs[column].astype(str) == value).to_numpy()
        if not keep.any():
            present = sorted(obs[column].dropna().astype(str).unique())[:20]
            raise ValueError(
                f"{where}: only: no cell has {column} '{value}'; there are: {', '.join(present)}"
            )
        return keep


@dataclass(frozen=True)
class Chosen:
    """Which cells and variables are kept; ``left_out``: how many are not, by reason, for the record
    of filters.
    """

    cells: Bool[np.ndarray, " obs"]
    variables: Bool[np.ndarray, " vars"]
    left_out: dict[str, int]


EVERYTHING = Subset()
