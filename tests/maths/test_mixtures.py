import numpy as np
import pytest
from sklearn.metrics import adjusted_rand_score

from latentbench.maths.mixtures import (
    ManifoldMixture,
    agreed_mixture_probs,
    agreed_probs,
    fit_mixture,
)


@pytest.fixture
def groups():
    rng = np.random.default_rng(0)
    labels = np.arange(240) % 4
    return (12 * np.eye(4, 3)[labels] + rng.standard_normal((240, 3))).astype(np.float32), labels


def test_clusterings_that_differ_in_the_order_of_their_clusters_agree_entirely():
    rng = np.random.default_rng(1)
    probs = rng.dirichlet(np.full(5, 0.2), 60)
    agreed = agreed_probs([probs[:, rng.permutation(5)] for _ in range(4)])
    matched = [
        [np.allclose(agreed[:, i], probs[:, j], atol=1e-6) for j in range(5)] for i in range(5)
    ]
    assert (np.sum(matched, axis=0) == 1).all()
    assert (np.sum(matched, axis=1) == 1).all()


def test_one_clustering_that_disagrees_is_outvoted(groups):
    _, labels = groups
    right = np.eye(4)[labels]
    wrong = np.eye(4)[np.random.default_rng(2).integers(0, 4, 240)]
    agreed = agreed_probs([wrong, right[:, [2, 0, 1, 3]], right, right[:, [3, 2, 1, 0]]])
    assert adjusted_rand_score(labels, agreed.argmax(1)) == 1
    np.testing.assert_allclose(agreed.sum(1), 1, rtol=1e-6)
    assert agreed.max(1).min() == pytest.approx(0.75)


def test_mixtures_find_separate_groups_and_follow_their_seed(groups):
    z, labels = groups
    first, again = (agreed_mixture_probs(z, 4, seed=3) for _ in range(2))
    assert adjusted_rand_score(labels, first.argmax(1)) == 1
    np.testing.assert_array_equal(first, again)


def test_a_code_that_never_varies_does_not_stop_the_fit(groups):
    z, labels = groups
    mixture = fit_mixture(np.column_stack([z, np.zeros(len(z), np.float32)]), 4, seed=0)
    assert adjusted_rand_score(labels, mixture.predict(np.column_stack([z, np.zeros(len(z))]))) == 1


def test_the_manifold_keeps_groups_apart_and_takes_new_codes_to_theirs(groups):
    z, labels = groups
    fitted = ManifoldMixture.fit(z[:200], 4, seed=0)
    found = fitted.mixture.predict(fitted.transform(z).astype(np.float64))
    assert adjusted_rand_score(labels, found) > 0.95


def test_umap_is_given_the_exact_neighbours_of_codes_old_and_new():
    rng = np.random.default_rng(0)
    z, new = (
        rng.standard_normal((150, 4)).astype(np.float32),
        rng.standard_normal((20, 4)).astype(np.float32),
    )
    fitted = ManifoldMixture.fit(z, 3, seed=0, n_neighbors=10).umap
    distances = np.linalg.norm(z[:, None] - z[None], axis=-1)
    np.testing.assert_array_equal(
        np.sort(fitted._knn_indices, 1), np.sort(distances.argsort(1)[:, :10], 1)
    )
    found, lengths = fitted._knn_search_index.query(new, 10, epsilon=0.1)
    distances = np.linalg.norm(new[:, None] - z[None], axis=-1)
    np.testing.assert_array_equal(found, distances.argsort(1)[:, :10])
    np.testing.assert_allclose(lengths, np.sort(distances, 1)[:, :10], rtol=1e-5)


@pytest.mark.parametrize("covariance", ["full", "diag"])
def test_a_mixture_has_the_means_weights_and_variances_of_the_groups(covariance):
    rng = np.random.default_rng(0)
    means = np.array([[-8.0, 0.0], [0.0, 8.0], [8.0, 0.0]])
    z = (means[np.arange(600) % 3] + rng.standard_normal((600, 2)) * [1.0, 0.5]).astype(np.float32)
    mixture = fit_mixture(z, 3, seed=0, covariance=covariance)
    order = mixture.means_[:, 0].argsort()
    np.testing.assert_allclose(mixture.means_[order], means, atol=0.2)
    np.testing.assert_allclose(mixture.weights_, 1 / 3, atol=0.01)
    variances = (
        mixture.covariances_
        if covariance == "diag"
        else np.diagonal(mixture.covariances_, axis1=1, axis2=2)
    )
    np.testing.assert_allclose(variances, [[1.0, 0.25]] * 3, rtol=0.2)
