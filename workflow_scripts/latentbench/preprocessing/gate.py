"""The gate: names and labels of raw.h5ad are checked before anything is fitted; every stored value
is by ``latentbench.data.values``.
"""

import numpy as np
import pandas as pd
from anndata import AnnData
from jaxtyping import Bool

from latentbench.data.raw import refuse_duplicates
from latentbench.logs import logger


def pass_gate(raw: AnnData) -> str:
    """Return what messages call the data set. Raises ``ValueError`` for a file of another origin
    and for duplicated names.
    """
    record = raw.uns.get("latentbench")
    if record is None or "modality" not in record:
        raise ValueError(
            "raw.h5ad: uns['latentbench'] does not say dataset and modality; it was not made by the"
            " rule download"
        )
    where = f"data set {record['dataset']}"
    refuse_duplicates(raw.obs_names, "cell names (obs_names)", where)
    refuse_duplicates(raw.var_names, "variable names (var_names)", where)
    return where


def refuse_only_empty(is_empty: Bool[np.ndarray, " obs"], n_vars: int, where: str) -> None:
    """Raise ``ValueError`` when no cell has a count."""
    if is_empty.all():
        raise ValueError(
            f"{where}: every cell is empty (all {is_empty.size} x {n_vars} counts are 0); is this"
            " the right layer?"
        )


def label_warnings(obs: pd.DataFrame, where: str) -> list[str]:
    """Return, and log, what the labels of cells cannot tell."""
    if "label" not in obs:
        return []
    labels, warnings = obs["label"], []
    if labels.nunique() < 2:
        warnings.append(f"the label has {labels.nunique()} class: scores against it say nothing")
    if labels.isna().any():
        warnings.append(f"{int(labels.isna().sum())} of {len(obs)} cells have no label")
    for warning in warnings:
        logger.warning("%s: %s", where, warning)
    return warnings
