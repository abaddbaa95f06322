"""What a prediction has to beat: three ways to predict stimulated cells without a network."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from jaxtyping import Float

from latentbench.prediction.means import means_of, means_table
from latentbench.prediction.metrics import Truth, agreement
from latentbench.prediction.protocol import HeldOut, Perturbation, balanced_shift
from latentbench.prediction.tables import prediction_table, rows_of
from latentbench.preprocessing.pca import fit_pca

N_PCS = 100

Predicted = Float[np.ndarray, "controls vars"]


def no_prediction(perturbation: Perturbation, held_out: HeldOut) -> Predicted:
    """Return the control cells as they are."""
    return perturbation.x[held_out.controls]


def mean_shift(perturbation: Perturbation, held_out: HeldOut) -> Predicted:
    """Add the mean shift of the other types, gene by gene."""
    return perturbation.x[held_out.controls] + balanced_shift(
        perturbation.x, perturbation, held_out
    )


def pca_arithmetic(perturbation: Perturbation, held_out: HeldOut) -> Predicted:
    """Add the mean shift of the other types in the space of the first hundred principal components
    of the training cells, and map back.
    """
    pca = fit_pca([perturbation.x[held_out.train]], N_PCS)
    codes = pca.transform(perturbation.x)
    moved = codes[held_out.controls] + balanced_shift(codes, perturbation, held_out)
    return (pca.mean + moved @ pca.components).astype(np.float32)


@dataclass(frozen=True)
class Baseline:
    """A way to predict, and whether it reads the types of the training cells."""

    predict: Callable[[Perturbation, HeldOut], Predicted]
    saw_labels: bool


BASELINES: dict[str, Baseline] = {
    "no_prediction": Baseline(no_prediction, saw_labels=False),
    "mean_shift": Baseline(mean_shift, saw_labels=True),
    "pca_arithmetic": Baseline(pca_arithmetic, saw_labels=True),
}


def baseline_predictions(
    perturbation: Perturbation, questions: Sequence[HeldOut], *, dataset: str
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the rows of every baseline on every question, which have no seed, and the gene means
    of what they predict.
    """
    rows, means = [], []
    for held_out in questions:
        truth = Truth(perturbation.x[held_out.controls], perturbation.x[held_out.stimulated])
        for name, baseline in BASELINES.items():
            predicted = baseline.predict(perturbation, held_out)
            found = agreement(predicted, truth)
            rows += rows_of(
                dataset,
                name,
                None,
                held_out.hidden,
                held_out.cell_type,
                found,
                saw_labels=baseline.saw_labels,
            )
            means.append(means_of(dataset, name, None, perturbation, held_out, predicted))
    return prediction_table(rows), means_table(means)
