"""The clusters of one variant on one data set against the labels. This is the one stage that reads
labels, and nothing it finds goes back to another.

The criteria, made without labels, are carried over; beside them stand the agreement with the
labels, the oracle's choice, the calibration, and what the training measured on held-out cells."""

from collections.abc import Iterator

import numpy as np
import pandas as pd
from jaxtyping import Int
from sklearn.metrics import normalized_mutual_info_score

from latentbench.evaluation.calibration import class_of_clusters, reliability
from latentbench.evaluation.clusterings import SWEEP
from latentbench.evaluation.criteria import Mask, cells_of, on_each_split
from latentbench.evaluation.metrics import (
    AGREEMENT,
    agreement,
    problem_with_labels,
    silhouette,
)
from latentbench.evaluation.score_rows import NO_CLUSTERING, ORACLE, SPLITS, Row, scores_frame
from latentbench.evaluation.trained import TrainedVariant
from latentbench.files.clusters import clusters_of, training_cells
from latentbench.files.tables import RELIABILITY
from latentbench.outcomes import Outcome, Unavailable

Labels = Int[np.ndarray, " obs"]
"""Codes, -1 for an unlabelled cell."""


def score_clusters(clusters: pd.DataFrame, criteria: pd.DataFrame, labels: Labels) -> pd.DataFrame:
    """Return the criteria and, for each clustering that they name, its agreement with the labels,
    as tidy scores; the oracle's are marked as having seen them.

    ``clusters`` and ``criteria`` are what ``cluster_variant`` returns.
    """
    planned = criteria[criteria["metric"] == "n_clusters_found"].drop_duplicates(
        ["seed", "clustering"]
    )
    is_train = training_cells(clusters)
    rows = list(_count_rows(planned, labels, is_train))
    for plan in planned.itertuples():
        seed = None if pd.isna(plan.seed) else int(plan.seed)
        found = clusters_of(clusters, seed, plan.clustering)
        gap = Unavailable(Outcome(plan.status), plan.reason) if found is None else None
        rows += _agreement_rows(
            seed, plan.clustering, gap if found is None else found, labels, is_train
        )
    about = {"dataset": str(planned["dataset"].iloc[0]), "model": str(planned["model"].iloc[0])}
    headline = str(planned.loc[planned["headline"], "clustering"].iloc[0])
    scored = scores_frame(
        rows, **about, saw_labels=bool(planned["saw_labels"].any()), headline=headline
    )
    oracle = scores_frame(
        _oracle_rows(clusters, criteria, labels, is_train),
        **about,
        saw_labels=True,
        headline=headline,
    )
    return pd.concat(
        [frame for frame in (criteria, scored, oracle) if len(frame)], ignore_index=True
    )


def score_training(
    trained: TrainedVariant,
    history: pd.DataFrame,
    quality: pd.DataFrame,
    labels: Labels,
    *,
    n_clusters: int | None,
    silhouette_max_obs: int = 10_000,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the scores of what needs no clustering, and the reliability of the cluster
    probabilities (a reliability table).
    """
    rows = [
        *_silhouette_rows(trained, labels, silhouette_max_obs),
        *(_loss_rows(history, trained.problems) if trained.is_network else ()),
        *_quality_rows(quality, trained.problems),
    ]
    errors, tables = _calibration(trained, labels)
    about = {"dataset": trained.dataset, "model": trained.model}
    scored = scores_frame(
        [*rows, *errors],
        **about,
        saw_labels=trained.saw_labels,
        headline=trained.headline(n_clusters),
    )
    empty = pd.DataFrame(columns=RELIABILITY.columns)
    return scored, (
        pd.concat(
            [table.assign(**about)[RELIABILITY.columns] for table in tables], ignore_index=True
        )
        if tables
        else empty
    )


def _count_rows(planned: pd.DataFrame, labels: Labels, is_train: Mask) -> Iterator[Row]:
    for seed in planned["seed"].dropna().astype(int).unique():
        for split in SPLITS:
            cells = cells_of(split, is_train)
            yield Row(
                int(seed), split, NO_CLUSTERING, "n_labelled", float((labels[cells] >= 0).sum())
            )
            yield Row(
                int(seed), split, NO_CLUSTERING, "n_unlabelled", float((labels[cells] < 0).sum())
            )


def _agreement_rows(
    seed: int | None,
    clustering: str,
    clusters: np.ndarray | Unavailable,
    labels: Labels,
    is_train: Mask,
) -> Iterator[Row]:
    for split in SPLITS:
        cells = cells_of(split, is_train)
        values = (
            dict.fromkeys(AGREEMENT, clusters)
            if isinstance(clusters, Unavailable)
            else agreement(labels[cells], clusters[cells])
        )
        yield from (Row(seed, split, clustering, metric, value) for metric, value in values.items())


def _oracle_rows(
    clusters: pd.DataFrame, criteria: pd.DataFrame, labels: Labels, is_train: Mask
) -> Iterator[Row]:
    """Yield the agreement of Leiden at the resolution whose clusters share most information (NMI)
    with the labels of the training cells.

    That is how the resolution is chosen in scIB (Luecken et al. 2022,
    doi:10.1038/s41592-021-01336-8) and nearly everywhere else."""
    cells = is_train & (labels >= 0)
    for plan in (
        criteria[criteria["metric"] == "resolutions_tried"].drop_duplicates("seed").itertuples()
    ):
        names = [
            name.removesuffix(f"_seed{plan.seed}")
            for name in clusters.columns
            if name.startswith(SWEEP) and name.endswith(f"_seed{plan.seed}")
        ]
        problem = (
            problem_with_labels(labels[is_train])
            if names
            else Unavailable(Outcome(plan.status), plan.reason)
        )
        tried = (
            {} if problem else {name: clusters_of(clusters, int(plan.seed), name) for name in names}
        )
        best = max(
            tried,
            key=lambda name: _shared_information(labels[cells], tried[name][cells]),
            default=None,
        )
        yield from _agreement_rows(int(plan.seed), ORACLE, problem or tried[best], labels, is_train)
        for split in SPLITS:
            yield Row(
                int(plan.seed),
                split,
                ORACLE,
                "resolution",
                problem or float(best.removeprefix(SWEEP)),
            )


def _shared_information(labels: Labels, clusters: np.ndarray) -> float:
    return float(normalized_mutual_info_score(labels, clusters)) if clusters.max() > 0 else 0.0


def _silhouette_rows(trained: TrainedVariant, labels: Labels, max_obs: int) -> Iterator[Row]:
    for seed, problem in trained.problems.items():
        codes = None if problem else trained.codes(seed)
        for split, width in on_each_split(
            trained.is_train,
            problem,
            lambda cells, codes=codes: (
                problem_with_labels(labels[cells])
                or silhouette(codes[cells], labels[cells], max_obs=max_obs)
            ),
        ):
            yield Row(seed, split, NO_CLUSTERING, "silhouette", width)


def _loss_rows(history: pd.DataFrame, problems: dict[int, Unavailable | None]) -> Iterator[Row]:
    """Yield the loss per cell of the test cells at the last epoch of a network; lower is better.

    Not that of the training cells: it is taken in training mode, over weights that move, with the
    observed classes put in, and cannot be compared with it."""
    losses = history[(history["term"] == "loss") & (history["split"] == "test")].sort_values(
        "epoch", kind="stable"
    )
    last = {int(row.replica): float(row.value) for row in losses.itertuples()}
    for seed, problem in problems.items():
        value: float | Unavailable = last.get(seed, np.nan)
        if not np.isfinite(value):
            value = Unavailable(Outcome.FAILED, "the history holds no finite loss of this replica")
        yield Row(seed, "test", NO_CLUSTERING, "loss", problem or value)


def _quality_rows(quality: pd.DataFrame, problems: dict[int, Unavailable | None]) -> Iterator[Row]:
    """Yield what the training measured of a replica as a whole; what it measured by term or
    dimension stays in its own table.
    """
    for row in quality[quality["part"] == ""].itertuples():
        gap = None if row.status == Outcome.OK else Unavailable(Outcome(row.status), row.reason)
        yield Row(
            int(row.seed),
            row.split,
            NO_CLUSTERING,
            row.measure,
            problems[int(row.seed)] or gap or float(row.value),
        )


def _calibration(trained: TrainedVariant, labels: Labels) -> tuple[list[Row], list[pd.DataFrame]]:
    """Return the expected calibration errors, and the tables behind them."""
    rows, tables = [], []
    for seed, problem in trained.problems.items() if trained.clusters_by_itself else ():
        probs, train = None if problem else trained.cluster_probs(seed), trained.is_train
        problem = problem or problem_with_labels(labels[train])
        matched = (
            None
            if problem
            else class_of_clusters(labels[train], probs[train].argmax(axis=1), probs.shape[1])
        )
        for split, found in on_each_split(
            train,
            problem,
            lambda cells, probs=probs, matched=matched: reliability(
                probs[cells], labels[cells], matched
            ),
        ):
            rows.append(
                Row(
                    seed,
                    split,
                    "own",
                    "ece",
                    found if isinstance(found, Unavailable) else found.expected_calibration_error,
                )
            )
            if not isinstance(found, Unavailable):
                bins = {
                    "bin": range(len(found.n_obs)),
                    "n_obs": found.n_obs,
                    "confidence": found.confidence,
                    "accuracy": found.accuracy,
                }
                tables.append(pd.DataFrame({"seed": seed, "split": split, **bins}))
    return rows, tables
