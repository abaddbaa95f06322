"""Clusterings are fitted on training cells, seeded by the replica, and have no way to a label."""

import dataclasses
import inspect
import json
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import adjusted_rand_score

from latentbench.evaluation.clusterings import CLUSTERINGS, Replica, kmeans, leiden, own
from latentbench.evaluation.trained import headline_clustering
from latentbench.neighbours import NeighbourGraph
from latentbench.outcomes import Outcome, Unavailable

N_GROUPS = 4
FROM_EMBEDDING = ["kmeans", "leiden", "gaussian_mixture"]


def replica(z, *, n_clusters=N_GROUPS, seed=0, cluster_probs=None, is_train=None):
    is_train = np.arange(len(z)) % 5 != 0 if is_train is None else is_train
    return Replica(z, is_train, NeighbourGraph(z, is_train), n_clusters, seed, cluster_probs)


@pytest.mark.parametrize("name", FROM_EMBEDDING)
def test_a_clustering_finds_separated_groups_in_training_and_test_cells(groups, name):
    z, labels = groups()
    seen = replica(z)
    clusters = CLUSTERINGS[name](seen)
    for cells in (seen.is_train, ~seen.is_train):
        assert adjusted_rand_score(labels[cells], clusters[cells]) > 0.97


@pytest.mark.parametrize("name", FROM_EMBEDDING)
def test_a_clustering_is_the_same_twice_and_numbered_by_size(groups, name):
    z, _ = groups(separation=1.0)
    first, second = CLUSTERINGS[name](replica(z)), CLUSTERINGS[name](replica(z))
    assert np.array_equal(first, second)
    sizes = np.bincount(first[replica(z).is_train])
    assert list(sizes) == sorted(sizes, reverse=True)


@pytest.mark.parametrize("name", FROM_EMBEDDING)
def test_moving_a_test_cell_changes_no_other_cells_cluster(groups, name):
    z, _ = groups(separation=2.0)
    moved = z.copy()
    moved[0] += 50.0
    assert np.array_equal(CLUSTERINGS[name](replica(z))[1:], CLUSTERINGS[name](replica(moved))[1:])


def test_own_is_the_most_probable_component_and_keeps_its_number(groups):
    z, _ = groups(n_obs=3)
    probs = np.array([[0.1, 0.9], [0.8, 0.2], [0.4, 0.6]], dtype=np.float32)
    assert own(replica(z, cluster_probs=probs)).tolist() == [1, 0, 1]
    assert own(replica(z)).outcome == Outcome.NOT_APPLICABLE


def test_the_config_may_name_every_clustering_but_own_which_is_always_made():
    schema = json.loads(
        (Path(__file__).parents[2] / "config/schemas/evaluation.schema.json").read_text()
    )
    assert set(
        schema["properties"]["clustering"]["properties"]["clusterings"]["items"]["enum"]
    ) == set(CLUSTERINGS) - {"own"}


@pytest.mark.parametrize("name", ["kmeans", "gaussian_mixture"])
def test_without_a_declared_number_only_leiden_applies(groups, name):
    z, _ = groups()
    assert CLUSTERINGS[name](replica(z, n_clusters=None)).outcome == Outcome.NOT_APPLICABLE
    assert not isinstance(leiden(replica(z, n_clusters=None)), Unavailable)


@pytest.mark.parametrize("name", ["kmeans", "gaussian_mixture"])
def test_more_clusters_than_training_cells_is_not_applicable(groups, name):
    z, _ = groups(n_obs=10)
    assert CLUSTERINGS[name](replica(z, n_clusters=9)).outcome == Outcome.NOT_APPLICABLE
    assert leiden(replica(z[:2], is_train=np.ones(2, dtype=bool))).outcome == Outcome.NOT_APPLICABLE


def test_all_cells_may_be_training_cells(groups):
    z, labels = groups()
    for clustering in (kmeans, leiden):
        assert (
            adjusted_rand_score(
                labels, clustering(replica(z, is_train=np.ones(len(z), dtype=bool)))
            )
            > 0.97
        )


def test_a_clustering_takes_a_replica_and_a_replica_holds_no_label():
    for clustering in CLUSTERINGS.values():
        assert list(inspect.signature(clustering).parameters) == ["replica"]
    assert {field.name for field in dataclasses.fields(Replica)} == {
        "z",
        "is_train",
        "graph",
        "n_clusters",
        "seed",
        "cluster_probs",
    }


@pytest.mark.parametrize(
    ("by_itself", "n_clusters", "name"),
    [(True, 3, "own"), (True, None, "own"), (False, 3, "kmeans"), (False, None, "leiden")],
)
def test_the_headline_is_own_else_kmeans_else_leiden(by_itself, n_clusters, name):
    assert headline_clustering(clusters_by_itself=by_itself, n_clusters=n_clusters) == name
