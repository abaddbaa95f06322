"""The train/test split: fixed by a seed, stratified by label or by whole donors, made before
anything is fitted.
"""

from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Bool, Int

from latentbench.logs import logger


def split_cells(
    obs: pd.DataFrame, *, test_fraction: float = 0.2, seed: int = 0, by: str = "label"
) -> tuple[pd.Categorical, dict[str, Any]]:
    """Return train or test for every cell, and a record of how that was decided.

    ``by`` is ``label`` (each class gives its share of test cells and keeps at least one training
    cell), ``donor`` (whole donors are held out) or ``none``. Without that column the next of these
    is used and the record and a warning say so; classes of one cell and cells without a label are
    drawn from together. Raises ``ValueError`` when a part would be empty."""
    rng = np.random.default_rng(seed)
    used, record = _usable(obs, by), {"test_fraction": test_fraction, "seed": seed, "asked_by": by}
    if used == "donor":
        is_test = _whole_groups(obs["donor"], test_fraction, rng)
        record["test_donors"] = sorted(obs["donor"][is_test].unique())
    else:
        strata, record["unstratified_classes"] = _strata(obs, used)
        is_test = _stratified(strata, test_fraction, rng)
    if is_test.all() or not is_test.any():
        raise ValueError(
            f"a test_fraction of {test_fraction} leaves {int(is_test.sum())} of {len(obs)} cells"
            " for testing; both parts need a cell"
        )
    return pd.Categorical(np.where(is_test, "test", "train"), categories=["train", "test"]), {
        **record,
        "by": used,
    }


def _usable(obs: pd.DataFrame, by: str) -> str:
    if by not in ("label", "donor", "none"):
        raise ValueError(f"split: by is {by!r}; say label, donor or none")
    if by == "donor" and ("donor" not in obs or obs["donor"].nunique() < 2):
        logger.warning("split: there are no two donors to split by; splitting by label")
        by = "label"
    # No labels is an ordinary data set, not a fault: nothing to warn of.
    return "none" if by == "label" and "label" not in obs else by


def _strata(obs: pd.DataFrame, used: str) -> tuple[Int[np.ndarray, " obs"], list[str]]:
    if used == "none":
        return np.zeros(len(obs), dtype=np.int64), []
    label = obs["label"].astype("category")
    sizes = label.value_counts()
    alone = sorted(str(name) for name in sizes.index[sizes == 1])
    if alone:
        logger.warning("split: not stratified for classes of one cell: %s", ", ".join(alone))
    codes = label.cat.codes.to_numpy().astype(np.int64)
    return np.where(label.isin(alone).to_numpy(), -1, codes), alone


def _stratified(
    strata: Int[np.ndarray, " obs"], test_fraction: float, rng: np.random.Generator
) -> Bool[np.ndarray, " obs"]:
    """Draw round(fraction * n) test cells, shared out among strata by largest remainder, leaving
    each of them a training cell.
    """
    names, sizes = np.unique(strata, return_counts=True)
    shares = sizes * test_fraction
    take = np.floor(shares).astype(np.int64)
    room = np.where(names == -1, sizes, sizes - 1) if len(names) > 1 else sizes
    for k in np.argsort(take - shares, kind="stable")[
        : round(sizes.sum() * test_fraction) - take.sum()
    ]:
        take[k] = min(take[k] + 1, room[k])
    is_test = np.zeros(strata.size, dtype=bool)
    for name, n_test in zip(names, take, strict=True):
        is_test[rng.permutation(np.flatnonzero(strata == name))[:n_test]] = True
    return is_test


def _whole_groups(
    groups: pd.Series, test_fraction: float, rng: np.random.Generator
) -> Bool[np.ndarray, " obs"]:
    """Hold out donors in random order as long as that brings the share nearer to the fraction;
    cells of no known donor are for training.
    """
    sizes, wanted, held_out, chosen = groups.value_counts(), test_fraction * len(groups), 0, []
    for name in rng.permutation(np.array(sorted(groups.dropna().unique()), dtype=object)):
        if (
            abs(held_out + sizes[name] - wanted) < abs(held_out - wanted)
            and len(chosen) < len(sizes) - 1
        ):
            held_out, chosen = held_out + sizes[name], [*chosen, name]
    if not chosen:
        # Every donor alone is more than twice the fraction: the smallest comes nearest.
        chosen = [sizes.sort_values(kind="stable").index[0]]
    return groups.isin(chosen).to_numpy()
