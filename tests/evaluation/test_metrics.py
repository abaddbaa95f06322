"""Every metric against scikit-learn, brute force or permutations; what has no answer gives a typed
outcome and never a number.
"""

from itertools import permutations

import numpy as np
import pandas as pd
import pytest
from sklearn import metrics as reference

from latentbench.evaluation import metrics
from latentbench.outcomes import Outcome, Unavailable


def partitions(n_obs, n_classes, n_clusters, share_right, seed=0):
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, n_classes, n_obs)
    return labels, np.where(
        rng.random(n_obs) < share_right, labels, rng.integers(0, n_clusters, n_obs)
    )


def test_the_metrics_that_scikit_learn_has_are_its_own():
    labels, clusters = partitions(500, 7, 9, 0.5)
    found = metrics.agreement(labels, clusters)
    assert found["ari"] == reference.adjusted_rand_score(labels, clusters)
    assert found["nmi"] == reference.normalized_mutual_info_score(labels, clusters)
    assert found["v_measure"] == reference.v_measure_score(labels, clusters)


def test_accuracy_is_the_best_over_all_one_to_one_matchings():
    labels, clusters = partitions(60, 4, 5, 0.4)
    table = pd.crosstab(labels, clusters).to_numpy()
    best = max(
        sum(table[i, j] for i, j in enumerate(chosen))
        for chosen in permutations(range(table.shape[1]), table.shape[0])
    )
    assert metrics.accuracy(labels, clusters) == best / 60


def test_an_unmatched_cluster_counts_as_wrong_in_accuracy_and_not_in_purity():
    labels, clusters = np.array([0, 0, 0, 0, 1, 1]), np.array([0, 0, 2, 2, 1, 1])
    assert metrics.accuracy(labels, clusters) == pytest.approx(4 / 6)
    assert metrics.purity(labels, clusters) == 1.0


def ari_of_each(labels, clusterings):
    """Scikit-learn's adjusted Rand index of many permutations of one clustering at once."""

    def pairs(counts):
        return counts * (counts - 1) / 2

    shared = [
        [((labels == i) & (clusterings == j)).sum(1) for i in np.unique(labels)]
        for j in np.unique(clusterings)
    ]
    together = pairs(np.array(shared)).sum((0, 1))
    of_labels, of_clusters = (pairs(np.bincount(each)).sum() for each in (labels, clusterings[0]))
    expected = of_labels * of_clusters / pairs(len(labels))
    return (together - expected) / ((of_labels + of_clusters) / 2 - expected)


@pytest.mark.parametrize("n_obs", [12, 80, 400])
def test_the_null_standard_deviation_of_the_ari_is_that_of_permutations(n_obs):
    labels, clusters = partitions(n_obs, 4, 6, 0.3)
    rng = np.random.default_rng(1)
    drawn = np.stack([rng.permutation(clusters) for _ in range(4000)])
    permuted = ari_of_each(labels, drawn)
    known = [reference.adjusted_rand_score(labels, each) for each in drawn[:20]]
    np.testing.assert_allclose(permuted[:20], known, rtol=0, atol=1e-12)
    assert metrics.ari_null_sd(labels, clusters) == pytest.approx(np.std(permuted), rel=0.06)
    assert np.mean(permuted) == pytest.approx(0.0, abs=4 * np.std(permuted) / np.sqrt(4000))


@pytest.mark.parametrize(
    ("labels", "clusters", "outcome"),
    [
        ([0, 0, 0], [0, 1, 2], Outcome.NOT_APPLICABLE),
        ([-1, -1, -1], [0, 1, 2], Outcome.NOT_APPLICABLE),
        ([], [], Outcome.NOT_APPLICABLE),
    ],
    ids=["one class", "no labels", "no cells"],
)
def test_what_cannot_be_scored_has_a_typed_outcome_and_a_reason(labels, clusters, outcome):
    found = metrics.agreement(np.array(labels, dtype=np.int64), np.array(clusters, dtype=np.int64))
    for name in metrics.AGREEMENT:
        assert isinstance(found[name], Unavailable)
        assert found[name].outcome == outcome
        assert found[name].reason


def test_a_collapse_into_one_cluster_is_scored_as_what_it_is():
    """A model that collapses must not leave the mean of its seeds: its agreement is a number, and
    n_clusters_found tells why.
    """
    labels, clusters = np.array([0, 1, 1, 2, -1]), np.array([5, 5, 5, 5, 6])
    found = metrics.agreement(labels, clusters)
    assert {
        name: found[name] for name in ("ari", "nmi", "ami", "homogeneity", "v_measure")
    } == dict.fromkeys(("ari", "nmi", "ami", "homogeneity", "v_measure"), 0.0)
    assert (found["acc"], found["purity"], found["completeness"]) == (0.5, 0.5, 1.0)


def test_unlabelled_cells_are_masked():
    labels, clusters = partitions(100, 3, 4, 0.6)
    masked = np.append(labels, [-1, -1])
    found = metrics.agreement(masked, np.append(clusters, [77, 78]))
    without = metrics.agreement(labels, clusters)
    assert found["ari"] == without["ari"]


def test_the_silhouette_is_that_of_codes_far_from_the_origin_too():
    rng = np.random.default_rng(0)
    labels = np.append(rng.integers(0, 4, 150), [4])  # a class of one cell
    z = (rng.normal(size=(151, 5)) + labels[:, None] + 100).astype(np.float32)
    assert metrics.silhouette(z + np.float32(1e3), labels) == pytest.approx(
        reference.silhouette_score(z.astype(np.float64), labels), abs=1e-4
    )


def test_the_silhouette_masks_unlabelled_cells_and_is_unavailable_for_one_class():
    rng = np.random.default_rng(0)
    z, labels = rng.normal(size=(50, 3)), rng.integers(0, 3, 50)
    masked = np.append(labels, np.full(5, -1))
    assert metrics.silhouette(
        np.vstack([z, rng.normal(size=(5, 3))]), masked
    ) == metrics.silhouette(z, labels)
    assert metrics.silhouette(z, np.zeros(50, dtype=np.int64)).outcome == Outcome.NOT_APPLICABLE


def test_the_silhouette_of_a_sample_is_close_to_that_of_all_cells():
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 3, 3000)
    z = rng.normal(size=(3000, 3)) + 2 * labels[:, None]
    assert metrics.silhouette(z, labels, max_obs=1000) == pytest.approx(
        metrics.silhouette(z, labels), abs=0.03
    )
    assert metrics.silhouette(z, labels, max_obs=1000) != metrics.silhouette(z, labels)


def test_coinciding_points_of_all_classes_have_silhouette_zero():
    assert metrics.silhouette(np.zeros((6, 2)), np.array([0, 0, 1, 1, 2, 2])) == 0.0


@pytest.mark.parametrize("share_right", [0.2, 0.6, 1.0])
def test_the_standard_error_of_the_ari_is_the_jackknife_over_cells(share_right):
    labels, clusters = partitions(70, 4, 5, share_right)
    kept = ~np.eye(70, dtype=bool)
    without = [reference.adjusted_rand_score(labels[each], clusters[each]) for each in kept]
    expected = np.sqrt(69 / 70 * np.square(without - np.mean(without)).sum())
    assert metrics.ari_se(labels, clusters) == pytest.approx(expected, abs=1e-12)


def test_the_standard_errors_are_those_of_other_cells_of_the_same_kind():
    drawn = [partitions(300, 5, 5, 0.7, seed) for seed in range(300)]
    for name in ("ari", "acc", "purity"):
        spread = np.std([metrics.AGREEMENT[name](*each) for each in drawn])
        said = np.mean([metrics.AGREEMENT[f"{name}_se"](*each) for each in drawn])
        assert said == pytest.approx(spread, rel=0.15), name
