"""The consensus over the variants of one data set, as a method of its own: what models that know
nothing of each other agree on. No label is given to it.

Its replica of a seed is the consensus of every variant's headline clusters of that seed, so that it
can be compared with any variant seed by seed; the one without a seed takes all seeds of all
variants. Every variant has the same weight, however many of its replicas ended ok; a clustering of
one cluster tells nothing and is left out. Controls, and variants that saw labels, are no members.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from latentbench.evaluation.criteria import (
    Mask,
    agreement_rows,
    count_rows,
    mean_agreement,
    on_each_split,
)
from latentbench.evaluation.score_rows import Row, scores_frame
from latentbench.evaluation.variant_clusters import consensus_of
from latentbench.files.clusters import (
    CELL,
    Found,
    clusters_frame,
    clusters_of,
    training_cells,
)
from latentbench.outcomes import Outcome, Unavailable
from latentbench.study.applicability import CONSENSUS

_ABSENT = Unavailable(Outcome.NOT_APPLICABLE, "the variant has no such seed")

Member = Mapping[int, np.ndarray | Unavailable]
"""The headline clusters of a variant by seed."""


def cluster_together(
    clusters: Mapping[str, pd.DataFrame],
    criteria: Mapping[str, pd.DataFrame],
    *,
    dataset: str,
    seeds: Sequence[int],
    n_clusters: int | None,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the clusters of the consensus and its criteria, among which is also how well each
    member agrees with the other members.

    ``clusters`` and ``criteria``: what ``cluster_variant`` returns, by variant; at least one.
    """
    any_frame = next(iter(clusters.values()))
    is_train = training_cells(any_frame)
    members = {model: _headline_clusters(clusters[model], criteria[model]) for model in clusters}
    options = {"is_train": is_train, "n_clusters": n_clusters}
    found: Found = {
        (seed, "own"): consensus_of(
            [member[seed] for member in members.values() if seed in member], **options
        )
        for seed in seeds
    }
    pairs = [
        (clusters_of_seed, 1.0 / _count(member))
        for member in members.values()
        if _count(member)
        for clusters_of_seed in member.values()
    ]
    found[None, CONSENSUS] = consensus_of(
        [each for each, _ in pairs], weights=[weight for _, weight in pairs], **options
    )
    rows = [row for seed in seeds for row in count_rows(seed, "own", found[seed, "own"], is_train)]
    rows += [
        *count_rows(None, CONSENSUS, found[None, CONSENSUS], is_train),
        *agreement_rows(
            {seed: found[seed, "own"] for seed in seeds}, found[None, CONSENSUS], "own", is_train
        ),
    ]
    frames = [
        scores_frame(rows, dataset=dataset, model=CONSENSUS, saw_labels=False, headline="own")
    ]
    for model in members:
        headline = _headline(criteria[model])
        compared = _rows_of_member(model, members, headline, is_train)
        frames.append(
            scores_frame(
                compared, dataset=dataset, model=model, saw_labels=False, headline=headline
            )
        )
    cells = pd.Index(any_frame[CELL])
    return clusters_frame(found, cells, is_train), pd.concat(frames, ignore_index=True)


def consensus_status(criteria: pd.DataFrame, *, dataset: str, seconds: float) -> dict[str, Any]:
    """Return what a status.json says, of the consensus: one replica a seed, which share the
    ``seconds`` that it took.
    """
    replicas = criteria[
        (criteria["model"] == CONSENSUS)
        & (criteria["metric"] == "n_clusters_found")
        & criteria["seed"].notna()
    ].drop_duplicates("seed")
    about = {
        "dataset": dataset,
        "model": CONSENSUS,
        "kind": CONSENSUS,
        "saw_labels": False,
        "device": "cpu",
        "versions": {},
    }
    share = {"seconds": round(seconds / len(replicas), 6), "peak_memory_mb": None, "epochs": 0}
    return {
        **about,
        "replicas": [
            {"seed": int(row.seed), "status": row.status, "reason": row.reason, **share}
            for row in replicas.itertuples()
        ],
    }


def _headline(criteria: pd.DataFrame) -> str:
    return str(criteria.loc[criteria["headline"], "clustering"].iloc[0])


def _headline_clusters(clusters: pd.DataFrame, criteria: pd.DataFrame) -> Member:
    headline = _headline(criteria)
    planned = criteria[
        (criteria["metric"] == "n_clusters_found") & (criteria["clustering"] == headline)
    ].drop_duplicates("seed")
    member = {}
    for row in planned.itertuples():
        found = clusters_of(clusters, int(row.seed), headline)
        member[int(row.seed)] = (
            Unavailable(Outcome(row.status), row.reason) if found is None else found
        )
    return member


def _rows_of_member(
    model: str, members: Mapping[str, Member], headline: str, is_train: Mask
) -> Iterator[Row]:
    """Yield how well a variant's clusters of each seed agree (ARI) with those of the other variants
    of that seed, on average.
    """
    for seed, clusters in members[model].items():
        others = [
            member[seed]
            for other, member in members.items()
            if other != model and not isinstance(member.get(seed, _ABSENT), Unavailable)
        ]
        alone = (
            None
            if others
            else Unavailable(Outcome.NOT_APPLICABLE, "no other variant to agree with")
        )
        problem = clusters if isinstance(clusters, Unavailable) else alone
        for split, mean in on_each_split(
            is_train,
            problem,
            lambda cells, mine=clusters, others=others: mean_agreement(mine, others, cells),
        ):
            yield Row(seed, split, headline, "agreement_of_models", mean)


def _count(member: Member) -> int:
    return sum(not isinstance(clusters, Unavailable) for clusters in member.values())
