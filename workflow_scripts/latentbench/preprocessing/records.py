"""What prepared.h5ad says about itself in ``uns['latentbench']``."""

from typing import Any

import numpy as np
import pandas as pd
from anndata import AnnData
from jaxtyping import Bool

from latentbench.logs import logger
from latentbench.preprocessing.gate import label_warnings, refuse_only_empty
from latentbench.preprocessing.pca import PCA
from latentbench.preprocessing.split import split_cells


def begin_record(
    frame: AnnData,
    is_empty: Bool[np.ndarray, " obs"],
    *,
    preset: str,
    options: dict[str, Any],
    split: dict[str, Any],
    where: str,
) -> None:
    """Divide the cells that are not empty into train and test (``obs['split']``, missing for the
    others) and write down how they are prepared.
    """
    refuse_only_empty(is_empty, frame.n_vars, where)
    cells = frame.obs[~is_empty]
    parts, how_split = split_cells(cells, **split)
    codes = np.full(frame.n_obs, -1)
    codes[~is_empty] = parts.codes
    frame.obs["split"] = pd.Categorical.from_codes(codes, parts.categories)
    frame.uns["latentbench"] = {
        **frame.uns["latentbench"],
        "preset": preset,
        "options": _storable(options),
        "split": _storable(how_split),
        "filters": {},
    }
    frame.uns["latentbench"]["warnings"] = np.array(label_warnings(cells, where), dtype=object)


def record_pca(record: dict[str, Any], pca: PCA, n_pcs: int) -> None:
    """Write down how many components there are and their shares of the variance."""
    if len(pca.components) < n_pcs:
        logger.info(
            "%d principal components instead of %d: the data has no more",
            len(pca.components),
            n_pcs,
        )
    record["pca"] = {
        "n_pcs": len(pca.components),
        "n_pcs_asked": n_pcs,
        "variance_ratio": pca.variance_ratio,
    }


def _storable(options: dict[str, Any]) -> dict[str, Any]:
    """Return options as h5ad can hold them: null as text, lists as arrays."""
    return {
        key: (
            "null"
            if value is None
            else np.array(value, dtype=object)
            if isinstance(value, list)
            else value
        )
        for key, value in options.items()
    }
