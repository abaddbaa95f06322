"""Gene means behind the predictions: of control, stimulated and predicted cells."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from latentbench.files.tables import MEANS
from latentbench.prediction.metrics import Cells
from latentbench.prediction.protocol import HeldOut, Perturbation


def means_of(
    dataset: str,
    model: str,
    seed: int | None,
    perturbation: Perturbation,
    held_out: HeldOut,
    predicted: Cells,
) -> pd.DataFrame:
    """Return the mean of every gene over the control cells, the stimulated cells and the predicted
    cells of a question.
    """
    cells = {
        "control": perturbation.x[held_out.controls],
        "stimulated": perturbation.x[held_out.stimulated],
        "predicted": predicted,
    }
    about = {
        "dataset": dataset,
        "model": model,
        "hidden": held_out.hidden,
        "seed": pd.NA if seed is None else seed,
        "cell_type": held_out.cell_type,
    }
    about["n_stimulated"] = len(held_out.stimulated)
    means = {
        name: values.mean(axis=0, dtype=np.float64).astype(np.float32)
        for name, values in cells.items()
    }
    return pd.DataFrame({**about, "gene": perturbation.genes, **means}).astype({"seed": "Int64"})


def means_table(parts: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Return the gene means of several questions as one table."""
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=MEANS.columns)
