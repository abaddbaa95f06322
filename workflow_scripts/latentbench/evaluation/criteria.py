"""What can be said of a variant's clusters without labels: the criteria, as tidy scores. One of
them picks the replica to show (``selection.py``).

Every replica that was planned appears; one that did not end ok gives its status for every
criterion."""

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import pandas as pd
from jaxtyping import Bool
from sklearn.metrics import adjusted_rand_score

from latentbench.evaluation.clusterings import SWEEP
from latentbench.evaluation.health import HEALTH
from latentbench.evaluation.metrics import silhouette
from latentbench.evaluation.score_rows import ORACLE, SPLITS, Row, scores_frame
from latentbench.evaluation.trained import TrainedVariant
from latentbench.evaluation.variant_clusters import cluster_replicas, consensus_of
from latentbench.files.clusters import Found, clusters_frame
from latentbench.logs import logger
from latentbench.outcomes import Outcome, Unavailable
from latentbench.study.applicability import CONSENSUS

Mask = Bool[np.ndarray, " obs"]


def cluster_variant(
    trained: TrainedVariant,
    *,
    n_clusters: int | None,
    clusterings: Sequence[str] = ("kmeans", "leiden"),
    n_neighbors: int = 15,
    oracle: bool = True,
    silhouette_max_obs: int = 5_000,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the clusters (a clusters table) and the criteria (a scores table)
    of one variant on one data set.

    ``n_clusters`` is the declared number. ``own`` is added for a variant that clusters by itself,
    and so is the headline clustering if it is not among ``clusterings``. ``oracle`` adds Leiden at
    each of a row of resolutions, from which the scores will pick by label. The headline clusterings
    of all seeds have a consensus, which has no seed."""
    headline = trained.headline(n_clusters)
    names = list(
        dict.fromkeys([*(["own"] if trained.clusters_by_itself else []), headline, *clusterings])
    )
    found = cluster_replicas(
        trained, names, n_clusters=n_clusters, n_neighbors=n_neighbors, sweep=oracle
    )
    members = {seed: found[seed, headline] for seed in trained.seeds}
    found[None, CONSENSUS] = consensus_of(
        list(members.values()), is_train=trained.is_train, n_clusters=n_clusters
    )
    rows = [
        *_count_rows_of_all(trained, found, names),
        *(_sweep_rows(trained, found) if oracle else ()),
        *_width_rows(trained, members, headline, silhouette_max_obs),
        *_health_rows(trained),
        *agreement_rows(members, found[None, CONSENSUS], headline, trained.is_train),
    ]
    logger.info(
        "%s, %s: %d seeds, clusterings %s",
        trained.dataset,
        trained.model,
        len(members),
        ", ".join(names),
    )
    criteria = scores_frame(
        rows,
        dataset=trained.dataset,
        model=trained.model,
        saw_labels=trained.saw_labels,
        headline=headline,
    )
    return clusters_frame(found, trained.cells, trained.is_train), criteria


def cells_of(split: str, is_train: Mask) -> Mask:
    """Return the cells of ``"train"`` or ``"test"``."""
    return is_train if split == "train" else ~is_train


def on_each_split(
    is_train: Mask, problem: Unavailable | None, measure: Callable[[Mask], float | Unavailable]
) -> Iterator[tuple[str, float | Unavailable]]:
    """Yield both splits with the measure of their cells; in its place the problem, where there is
    one, or that there is no cell.
    """
    for split in SPLITS:
        cells = cells_of(split, is_train)
        gap = problem or (
            None if cells.any() else Unavailable(Outcome.NOT_APPLICABLE, "no cell in this split")
        )
        yield split, gap or measure(cells)


def count_rows(
    seed: int | None, name: str, clusters: np.ndarray | Unavailable, is_train: Mask
) -> Iterator[Row]:
    """Yield how many clusters hold a cell of each split."""
    problem = clusters if isinstance(clusters, Unavailable) else None
    for split, count in on_each_split(
        is_train, problem, lambda cells: float(len(np.unique(clusters[cells])))
    ):
        yield Row(seed, split, name, "n_clusters_found", count)


def _count_rows_of_all(
    trained: TrainedVariant, found: Found, names: Sequence[str]
) -> Iterator[Row]:
    for seed, name in [
        (None, CONSENSUS),
        *((seed, name) for seed in trained.seeds for name in names),
    ]:
        yield from count_rows(seed, name, found[seed, name], trained.is_train)


def _sweep_rows(trained: TrainedVariant, found: Found) -> Iterator[Row]:
    """Yield how many resolutions there are for the oracle to choose from, for every seed that was
    planned.
    """
    for seed, problem in trained.problems.items():
        tried = sum(each == seed and name.startswith(SWEEP) for each, name in found)
        gap = problem or (
            None
            if tried
            else Unavailable(Outcome.NOT_APPLICABLE, "too few training cells for a neighbour graph")
        )
        yield from (
            Row(seed, split, ORACLE, "resolutions_tried", gap or float(tried)) for split in SPLITS
        )


def _width_rows(
    trained: TrainedVariant,
    members: dict[int, np.ndarray | Unavailable],
    headline: str,
    max_obs: int,
) -> Iterator[Row]:
    """Yield how far the headline clusters of each seed lie apart in their own embedding."""
    for seed, clusters in members.items():
        problem = clusters if isinstance(clusters, Unavailable) else None
        codes = None if problem else trained.codes(seed)
        for split, width in on_each_split(
            trained.is_train,
            problem,
            lambda cells, codes=codes, mine=clusters: _width(codes[cells], mine[cells], max_obs),
        ):
            yield Row(seed, split, headline, "silhouette_of_clusters", width)


def _width(codes: np.ndarray, clusters: np.ndarray, max_obs: int) -> float | Unavailable:
    if len(np.unique(clusters)) < 2:
        return Unavailable(Outcome.NOT_APPLICABLE, "all cells are in one cluster")
    return silhouette(codes, clusters, max_obs=max_obs)


def _health_rows(trained: TrainedVariant) -> Iterator[Row]:
    """Yield how the components of a variant that clusters by itself are used."""
    for seed, problem in trained.problems.items() if trained.clusters_by_itself else ():
        probs = None if problem else trained.cluster_probs(seed)
        for name, measure in HEALTH.items():
            for split, value in on_each_split(
                trained.is_train,
                problem,
                lambda cells, measure=measure, probs=probs: measure(probs[cells]),
            ):
                yield Row(seed, split, "own", name, value)


def agreement_rows(
    members: dict[int, np.ndarray | Unavailable],
    shared: np.ndarray | Unavailable,
    headline: str,
    is_train: Mask,
) -> Iterator[Row]:
    """Yield how well the headline clusters of each seed agree (ARI) with those of the others, on
    average, and with their consensus.
    """
    for seed, clusters in members.items():
        missing = clusters if isinstance(clusters, Unavailable) else None
        others = [
            each
            for other, each in members.items()
            if other != seed and not isinstance(each, Unavailable)
        ]
        alone = (
            None if others else Unavailable(Outcome.NOT_APPLICABLE, "no other seed to agree with")
        )
        for split, mean in on_each_split(
            is_train,
            missing or alone,
            lambda cells, mine=clusters, others=others: mean_agreement(mine, others, cells),
        ):
            yield Row(seed, split, headline, "agreement_of_seeds", mean)
        problem = missing or (shared if isinstance(shared, Unavailable) else None)
        for split, mean in on_each_split(
            is_train, problem, lambda cells, mine=clusters: mean_agreement(mine, [shared], cells)
        ):
            yield Row(seed, split, headline, "agreement_with_consensus", mean)


def mean_agreement(clusters: np.ndarray, others: Sequence[np.ndarray], cells: Mask) -> float:
    """Return the mean ARI of a clustering with others, over some cells; 0 for one cluster, whose
    agreement with another one is no finding.
    """
    if np.ptp(clusters[cells]) == 0:
        return 0.0
    return float(np.mean([adjusted_rand_score(clusters[cells], other[cells]) for other in others]))
