"""Data sets that lie in installed packages: nothing to download."""

import importlib.util
import warnings
from collections.abc import Callable
from pathlib import Path

import anndata as ad
import numpy as np
import pandas as pd
from anndata import AnnData, OldFormatWarning
from scipy import sparse

from latentbench.data.images import images_to_anndata


def pbmc68k_reduced() -> AnnData:
    """Return scanpy's 700 PBMC with their counts restored: n = (exp(x) - 1) * n_counts / 1e4.

    The file holds log1p of counts per 10,000 in ``raw``, rounded so that a count comes back within
    a thousandth of itself (259.002 for 259): far from the next whole number. n_counts is the cell's
    total over all genes, not just the 765 here."""
    shipped = shipped_pbmc()
    logged = sparse.csr_matrix(shipped.raw.X, dtype=np.float64)
    restored = logged.copy()
    restored.data = (
        np.expm1(logged.data)
        * np.repeat(shipped.obs["n_counts"].to_numpy(np.float64), np.diff(logged.indptr))
        / 1e4
    )
    furthest = (np.abs(restored.data - np.rint(restored.data)) / np.maximum(restored.data, 1)).max()
    if furthest > 1e-3:
        raise ValueError(
            f"pbmc68k_reduced: restored counts are up to {furthest:.2%} away from whole numbers;"
            " this scanpy ships another file"
        )
    restored.data = np.rint(restored.data)
    return AnnData(
        restored.astype(np.int32),
        obs=shipped.obs,
        var=pd.DataFrame(index=shipped.raw.var_names),
        obsm=dict(shipped.obsm),
    )


def shipped_pbmc() -> AnnData:
    """Return scanpy's 10x_pbmc68k_reduced as it is shipped."""
    # Found without importing it: scanpy takes seconds to import and only one of its files is
    # needed.
    spec = importlib.util.find_spec("scanpy")
    if spec is None or not spec.submodule_search_locations:
        raise ValueError(
            "pbmc68k_reduced: scanpy is not installed; install it, or give a mirror folder that"
            " holds pbmc68k_reduced.h5ad"
        )
    with warnings.catch_warnings():
        # The file is older than anndata's present layout; anndata says so of each of its parts.
        warnings.simplefilter("ignore", FutureWarning)
        warnings.simplefilter("ignore", OldFormatWarning)
        return ad.read_h5ad(
            Path(spec.submodule_search_locations[0]) / "datasets" / "10x_pbmc68k_reduced.h5ad"
        )


def digits() -> AnnData:
    """Return scikit-learn's 1,797 handwritten digits: 8 x 8 pixels from 0 to 16, obs column
    ``digit``.
    """
    from sklearn.datasets import load_digits

    loaded = load_digits()
    return images_to_anndata(loaded.images.astype(np.uint8), {"digit": loaded.target.astype(str)})


BUNDLED: dict[str, Callable[[], AnnData]] = {"pbmc68k_reduced": pbmc68k_reduced, "digits": digits}
