"""How well predicted cells agree with the stimulated cells that were hidden.

Correlations over genes, 1 is best; squared but for the last:

    r2_mean         of gene means, over all modelled genes
    r2_mean_top100  of gene means, over the (at most) 100 genes that differ most between stimulated
                    and control cells of the type (Welch's t)
    r2_change       of the changes of gene means: predicted - control against stimulated - control
    r2_variance     of gene variances
    pearson_change  Pearson's correlation of the changes with its sign: -1 is the opposite change

Errors, 0 is best: what a correlation forgives, and a wrong distribution of cells shows in:

    variance_error  sum_g |v'_g - v_g| / sum_g v_g of gene variances v' predicted and v true
    zeros_error     mean over genes of |share of zeros predicted - true|
    energy_distance 2 E|X - Y| - E|X - X'| - E|Y - Y'| of cells X predicted and Y true (Szekely and
                    Rizzo 2013, doi:10.1016/j.jspi.2013.03.018), in the first 50 principal
                    components of the type's true cells under both conditions; at most 1,000 cells
                    of each, evenly spaced

Means of most genes hardly change, so that r2_mean is high for no prediction at all: r2_change is
what tells predictions apart. A squared correlation forgives a wrong scale, and a wrong sign."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Float, Int
from scipy.spatial.distance import cdist

from latentbench.outcomes import Outcome, Unavailable
from latentbench.preprocessing.pca import PCA, fit_pca

CORRELATIONS = {
    "r2_mean": "r², means",
    "r2_mean_top100": "r², means of 100 genes",
    "r2_change": "r², change",
    "r2_variance": "r², variances",
}
"""The squared correlations, which the figure shows: between 0 and 1."""

METRIC_NAMES = {
    **CORRELATIONS,
    "pearson_change": "r, change",
    "variance_error": "Error, variances",
    "zeros_error": "Error, zeros",
    "energy_distance": "Energy distance",
}
METRICS = tuple(METRIC_NAMES)

N_PCS = 50
MOST_CELLS = 1000

Cells = Float[np.ndarray, "_ vars"]
PerGene = Float[np.ndarray, " vars"]


@dataclass(frozen=True)
class Truth:
    """The control cells that a prediction starts from and the stimulated cells that it is of."""

    control: Cells
    stimulated: Cells

    @cached_property
    def moments(self) -> dict[str, tuple[PerGene, PerGene]]:
        """The mean and the variance of every gene, of either set of cells."""
        return {"control": _moments(self.control), "stimulated": _moments(self.stimulated)}

    @cached_property
    def top(self) -> Int[np.ndarray, " genes"]:
        """The 100 genes that change most."""
        return most_changed(self.control, self.stimulated, 100)

    @cached_property
    def pca(self) -> PCA:
        """Principal components of all these cells."""
        return fit_pca([self.control, self.stimulated], N_PCS)


def agreement(predicted: Cells, truth: Truth) -> dict[str, float | Unavailable]:
    """Return every metric of ``METRICS``; all cells have the same genes."""
    mean, variance = _moments(predicted)
    control, (true_mean, true_variance) = (
        truth.moments["control"][0],
        truth.moments["stimulated"],
    )
    change = correlation(mean - control, true_mean - control)
    return {
        "r2_mean": squared_correlation(mean, true_mean),
        "r2_mean_top100": squared_correlation(mean[truth.top], true_mean[truth.top]),
        "r2_change": change if isinstance(change, Unavailable) else change**2,
        "r2_variance": squared_correlation(variance, true_variance),
        "pearson_change": change,
        "variance_error": variance_error(variance, true_variance),
        "zeros_error": zeros_error(predicted, truth.stimulated),
        "energy_distance": energy_distance(
            *(truth.pca.transform(_some(cells)) for cells in (predicted, truth.stimulated))
        ),
    }


def correlation(one: PerGene, other: PerGene) -> float | Unavailable:
    """Return Pearson's correlation."""
    spread = one.std() * other.std()
    if not spread > 0:
        return Unavailable(
            Outcome.DEGENERATE, "the same value for every gene: a correlation is not defined"
        )
    return float(np.mean((one - one.mean()) * (other - other.mean())) / spread)


def squared_correlation(one: PerGene, other: PerGene) -> float | Unavailable:
    """Return the squared Pearson correlation."""
    r = correlation(one, other)
    return r if isinstance(r, Unavailable) else r**2


def variance_error(predicted: PerGene, true: PerGene) -> float | Unavailable:
    """Return how far gene variances are from the true ones, as a share of these: 1 where every
    predicted cell is the same.
    """
    if not true.sum() > 0:
        return Unavailable(Outcome.DEGENERATE, "the stimulated cells do not vary")
    return float(np.abs(predicted - true).sum() / true.sum())


def zeros_error(predicted: Cells, true: Cells) -> float | Unavailable:
    """Return the mean over genes of the distance between the shares of cells without the gene."""
    if (true != 0).all():
        return Unavailable(Outcome.NOT_APPLICABLE, "no value of the stimulated cells is zero")
    return float(np.abs((predicted == 0).mean(0) - (true == 0).mean(0)).mean())


def energy_distance(
    predicted: Float[np.ndarray, "_ pcs"], true: Float[np.ndarray, "_ pcs"]
) -> float:
    """Return the energy distance between two sets of points; 0 between equal ones."""
    between, within, within_true = (
        float(cdist(one, other).mean())
        for one, other in ((predicted, true), (predicted, predicted), (true, true))
    )
    return 2 * between - within - within_true


def most_changed(control: Cells, stimulated: Cells, n_genes: int) -> Int[np.ndarray, " genes"]:
    """Return the genes with the largest absolute value of Welch's t between two sets of cells."""
    means, variances = zip(*(_moments(cells) for cells in (control, stimulated)), strict=True)
    errors = np.sqrt(variances[0] / len(control) + variances[1] / len(stimulated))
    t = np.divide(means[1] - means[0], errors, out=np.zeros_like(errors), where=errors > 0)
    return np.argsort(-np.abs(t), kind="stable")[:n_genes]


def _some(cells: Cells) -> Cells:
    return cells[np.linspace(0, len(cells) - 1, min(len(cells), MOST_CELLS)).astype(int)]


def _moments(cells: Cells) -> tuple[PerGene, PerGene]:
    return cells.mean(axis=0, dtype=np.float64), cells.var(axis=0, dtype=np.float64)
