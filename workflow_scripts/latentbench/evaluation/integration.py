"""How well an embedding mixes the batches of a data set and keeps its cell types apart, by
scib-metrics (Luecken et al. 2022, doi:10.1038/s41592-021-01336-8).

Batch mixing, 1 is best: ``ilisi`` (Korsunsky et al. 2019), ``kbet`` by cell type, ``bras``
(Rautenstrauch and Ohler 2025: a silhouette that nested batches do not mislead),
``graph_connectivity`` of each cell type, ``pcr_comparison`` (how much less of the variance the
batch explains than in the principal components). Conservation of biology, 1 is best: ``clisi``,
``isolated_labels``, ``silhouette_label``.

Neighbours are exact. Cells without a label or a batch are left out where one is asked for. What
cannot be had is typed; scib-metrics is imported when the first value is computed, so that only the
rule with its environment needs it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd
from jaxtyping import Float, Int
from sklearn.neighbors import NearestNeighbors

from latentbench.evaluation.score_rows import NO_CLUSTERING, SPLITS, Row, scores_frame
from latentbench.evaluation.trained import TrainedVariant
from latentbench.files.prepared import PreparedCells
from latentbench.logs import logger
from latentbench.outcomes import Outcome, Unavailable

N_NEIGHBORS = 90
LEAST_CELLS = 10


@dataclass(frozen=True)
class Cells:
    """The cells that a metric is taken on: their codes, principal components, batches and cell
    types (codes from 0).
    """

    z: Float[np.ndarray, "obs latent"]
    pca: Float[np.ndarray, "obs pcs"]
    batches: Int[np.ndarray, " obs"]
    labels: Int[np.ndarray, " obs"]

    @cached_property
    def neighbours(self):
        """Return the nearest cells of each, itself first, as scib-metrics takes them."""
        from scib_metrics.nearest_neighbors import NeighborsResults

        n_neighbors = min(N_NEIGHBORS, len(self.z))
        distances, indices = (
            NearestNeighbors(n_neighbors=n_neighbors).fit(self.z).kneighbors(self.z)
        )
        return NeighborsResults(indices=indices, distances=distances)


@dataclass(frozen=True)
class Metric:
    """A metric of scib-metrics, and whether it asks for batches and for labels."""

    value: Callable[[Cells], float]
    of_batches: bool
    of_labels: bool


def _scib(name: str, *arguments: str) -> Callable[[Cells], float]:
    def value(cells: Cells) -> float:
        import scib_metrics

        return float(
            getattr(scib_metrics, name)(*(getattr(cells, argument) for argument in arguments))
        )

    return value


METRICS: dict[str, Metric] = {
    "ilisi": Metric(_scib("ilisi_knn", "neighbours", "batches"), of_batches=True, of_labels=False),
    "kbet": Metric(
        _scib("kbet_per_label", "neighbours", "batches", "labels"), of_batches=True, of_labels=True
    ),
    "bras": Metric(_scib("bras", "z", "labels", "batches"), of_batches=True, of_labels=True),
    "graph_connectivity": Metric(
        _scib("graph_connectivity", "neighbours", "labels"), of_batches=False, of_labels=True
    ),
    "pcr_comparison": Metric(
        _scib("pcr_comparison", "pca", "z", "batches"), of_batches=True, of_labels=False
    ),
    "clisi": Metric(_scib("clisi_knn", "neighbours", "labels"), of_batches=False, of_labels=True),
    "isolated_labels": Metric(
        _scib("isolated_labels", "z", "labels", "batches"), of_batches=True, of_labels=True
    ),
    "silhouette_label": Metric(
        _scib("silhouette_label", "z", "labels"), of_batches=False, of_labels=True
    ),
}


def require_scib_metrics() -> None:
    """Raise a ValueError that names the remedy where scib-metrics cannot be imported."""
    try:
        import scib_metrics  # noqa: F401
    except ImportError as missing:
        raise ValueError(
            f"config: evaluation: integration: {missing}; run Snakemake with --sdm conda, or"
            " install scib-metrics 0.5.10 beside it, or set integration: false"
        ) from None


def integration_scores(
    trained: TrainedVariant,
    prepared: PreparedCells,
    pca: Float[np.ndarray, "obs pcs"],
    *,
    n_clusters: int | None,
) -> pd.DataFrame:
    """Return the tidy scores of every replica on training and on test cells; ``prepared`` and
    ``pca``: those of the data set, in the embedding's order; ``n_clusters``: the declared number,
    if any.
    """
    codes = {name: prepared.codes(name) for name in ("batch", "label")}
    rows = [
        row
        for seed in trained.seeds
        for split in SPLITS
        for row in _rows_of(trained, seed, split, codes["batch"], codes["label"], pca)
    ]
    logger.info(
        "%s, %s: %d integration scores could be had",
        trained.dataset,
        trained.model,
        sum(not isinstance(row.value, Unavailable) for row in rows),
    )
    return scores_frame(
        rows,
        dataset=trained.dataset,
        model=trained.model,
        saw_labels=trained.saw_labels,
        headline=trained.headline(n_clusters),
    )


def _rows_of(
    trained: TrainedVariant,
    seed: int,
    split: str,
    batches: np.ndarray,
    labels: np.ndarray,
    pca: np.ndarray,
) -> Iterator[Row]:
    in_split = trained.is_train if split == "train" else ~trained.is_train
    problem, made = trained.problems[seed], {}
    for name, metric in METRICS.items():
        kept = (
            in_split
            & ((batches >= 0) | (not metric.of_batches))
            & ((labels >= 0) | (not metric.of_labels))
        )
        gap = problem or _problem_with(metric, batches[kept], labels[kept])
        if not gap:
            key = kept.tobytes()
            made[key] = (
                made[key]
                if key in made
                else Cells(trained.codes(seed)[kept], pca[kept], batches[kept], labels[kept])
            )
        yield Row(seed, split, NO_CLUSTERING, name, gap or _typed(metric, made[key]))


def _problem_with(metric: Metric, batches: np.ndarray, labels: np.ndarray) -> Unavailable | None:
    if metric.of_batches and len(np.unique(batches)) < 2:
        return Unavailable(Outcome.NOT_APPLICABLE, "fewer than two batches")
    if metric.of_labels and len(np.unique(labels)) < 2:
        return Unavailable(Outcome.NOT_APPLICABLE, "fewer than two cell types")
    if len(batches) < LEAST_CELLS:
        return Unavailable(
            Outcome.NOT_APPLICABLE, f"{len(batches)} cells: a neighbourhood needs {LEAST_CELLS}"
        )
    return None


def _typed(metric: Metric, cells: Cells) -> float | Unavailable:
    """Return the value; scib-metrics raises on some small cell types and gives NaN on others."""
    try:
        value = metric.value(cells)
    except Exception as error:
        logger.warning("scib-metrics: %s: %s", type(error).__name__, error)
        return Unavailable(
            Outcome.FAILED,
            f"scib-metrics: {type(error).__name__}: {error}".split("\n", maxsplit=1)[0],
        )
    return (
        value
        if np.isfinite(value)
        else Unavailable(Outcome.NOT_APPLICABLE, "scib-metrics: not a finite number")
    )
