"""What of a data set a study looks at, before anything else is done: the cells that the sheet names, so many, and the genes that another one has too."""

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
import pandas as pd
from jaxtyping import Bool

from latentbench.logs import logger

SUBSET_SEED = 20180607


@dataclass(frozen=True)
class Subset:
    """``only``: ``<obs column>=<value>`` of the data sheet; ``max_obs``: cells that are kept, drawn at random without a look at labels; ``var_names``: the
    variables that may be kept. None: all."""

    only: str | None = None
    max_obs: int | None = None
    var_names: Collection[str] | None = None

    def cells(self, obs: pd.DataFrame, *, where: str) -> Bool[np.ndarray, " obs"]:
        """Return which cells are kept.

        Raises:
            ValueError: the column or the value is not there.
        """
        keep = self._named(obs, where)
        if self.max_obs is not None and keep.sum() > self.max_obs:
            drawn = np.random.default_rng(SUBSET_SEED).choice(np.flatnonzero(keep), self.max_obs, replace=False)
            keep = np.isin(np.arange(len(obs)), drawn)
        if not keep.all():
            logger.info("%s: %d of %d cells are looked at (only: %s, max_obs: %s)", where, keep.sum(), len(obs), self.only, self.max_obs)
        return keep

    def variables(self, var: pd.DataFrame, *, where: str) -> Bool[np.ndarray, " vars"]:
        """Return which variables are kept.

        Raises:
            ValueError: none is.
        """
        if self.var_names is None:
            return np.ones(len(var), dtype=bool)
        keep = var.index.isin(list(self.var_names))
        if not keep.any():
            raise ValueError(
                f"{where}: genes_of: the other data set has none of its genes (such as {', '.join(var.index[:3])}); give both the same names (var_names)"
            )
        return keep

    def left_out(self, obs: pd.DataFrame, var: pd.DataFrame, *, where: str) -> dict[str, int]:
        """Return how many cells and variables each condition leaves out, for the record of filters; nothing where none does."""
        named, kept = self._named(obs, where), self.cells(obs, where=where)
        absent = int((~self.variables(var, where=where)).sum())
        left_out = {"cells_of_other_groups": int((~named).sum()), "cells_not_drawn": int((named & ~kept).sum()), "genes_not_shared": absent}
        return {name: count for name, count in left_out.items() if count}

    def _named(self, obs: pd.DataFrame, where: str) -> Bool[np.ndarray, " obs"]:
        if self.only is None:
            return np.ones(len(obs), dtype=bool)
        column, _, value = self.only.partition("=")
        if column not in obs:
            raise ValueError(f"{where}: only: no obs column '{column}'; the columns are: {', '.join(obs.columns)}. Correct the 'only' column of the data sheet")
        keep = (obs[column].astype(str) == value).to_numpy()
        if not keep.any():
            present = sorted(obs[column].dropna().astype(str).unique())[:20]
            raise ValueError(f"{where}: only: no cell has {column} '{value}'; there are: {', '.join(present)}")
        return keep


EVERYTHING = Subset()
