"""How well predicted cells agree with the stimulated cells that were hidden; every metric is a
squared Pearson correlation over genes.

    r2_mean         of gene means, over all modelled genes
    r2_mean_top100  of gene means, over the (at most) 100 genes that differ most between stimulated
                    and control cells of the type (Welch's t)
    r2_change       of the changes of gene means: predicted - control against stimulated - control
    r2_variance     of gene variances

Means of most genes hardly change, so that r2_mean is high for no prediction at all: r2_change is
what tells predictions apart. A squared correlation forgives a wrong scale, and a wrong sign."""

import numpy as np
from jaxtyping import Float, Int

from latentbench.outcomes import Outcome, Unavailable

METRIC_NAMES = {
    "r2_mean": "r², means",
    "r2_mean_top100": "r², means of 100 genes",
    "r2_change": "r², change",
    "r2_variance": "r², variances",
}
METRICS = tuple(METRIC_NAMES)

Cells = Float[np.ndarray, "_ vars"]
PerGene = Float[np.ndarray, " vars"]


def agreement(
    predicted: Cells, control: Cells, stimulated: Cells
) -> dict[str, float | Unavailable]:
    """Return every metric of ``METRICS``; the three sets of cells have the same genes."""
    means, variances = zip(
        *(_moments(cells) for cells in (predicted, control, stimulated)), strict=True
    )
    top = most_changed(control, stimulated, 100)
    return {
        "r2_mean": squared_correlation(means[0], means[2]),
        "r2_mean_top100": squared_correlation(means[0][top], means[2][top]),
        "r2_change": squared_correlation(means[0] - means[1], means[2] - means[1]),
        "r2_variance": squared_correlation(variances[0], variances[2]),
    }


def squared_correlation(one: PerGene, other: PerGene) -> float | Unavailable:
    """Return the squared Pearson correlation."""
    spread = one.std() * other.std()
    if not spread > 0:
        return Unavailable(
            Outcome.DEGENERATE, "the same value for every gene: a correlation is not defined"
        )
    return float((np.mean((one - one.mean()) * (other - other.mean())) / spread) ** 2)


def most_changed(control: Cells, stimulated: Cells, n_genes: int) -> Int[np.ndarray, " genes"]:
    """Return the genes with the largest absolute value of Welch's t between two sets of cells."""
    means, variances = zip(*(_moments(cells) for cells in (control, stimulated)), strict=True)
    errors = np.sqrt(variances[0] / len(control) + variances[1] / len(stimulated))
    t = np.divide(means[1] - means[0], errors, out=np.zeros_like(errors), where=errors > 0)
    return np.argsort(-np.abs(t), kind="stable")[:n_genes]


def _moments(cells: Cells) -> tuple[PerGene, PerGene]:
    return cells.mean(axis=0, dtype=np.float64), cells.var(axis=0, dtype=np.float64)
