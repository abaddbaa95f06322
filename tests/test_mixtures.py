import numpy as np
import pytest

from latentbench.mixtures import ManifoldMixture, fit_mixture


def test_umap_is_given_the_exact_neighbours_of_codes_old_and_new():
    rng = np.random.default_rng(0)
    z, new = rng.standard_normal((150, 4)).astype(np.float32), rng.standard_normal((20, 4)).astype(np.float32)
    fitted = ManifoldMixture.fit(z, 3, seed=0, n_neighbors=10).umap
    distances = np.linalg.norm(z[:, None] - z[None], axis=-1)
    np.testing.assert_array_equal(np.sort(fitted._knn_indices, 1), np.sort(distances.argsort(1)[:, :10], 1))
    found, lengths = fitted._knn_search_index.query(new, 10, epsilon=0.1)
    distances = np.linalg.norm(new[:, None] - z[None], axis=-1)
    np.testing.assert_array_equal(found, distances.argsort(1)[:, :10])
    np.testing.assert_allclose(lengths, np.sort(distances, 1)[:, :10], rtol=1e-5)


@pytest.mark.parametrize("covariance", ["full", "diag"])
def test_a_mixture_finds_the_groups_that_the_codes_came_from(covariance):
    rng = np.random.default_rng(0)
    means = np.array([[-8.0, 0.0], [0.0, 8.0], [8.0, 0.0]])
    z = (means[np.arange(600) % 3] + rng.standard_normal((600, 2)) * [1.0, 0.5]).astype(np.float32)
    mixture = fit_mixture(z, 3, seed=0, covariance=covariance)
    order = mixture.means_[:, 0].argsort()
    np.testing.assert_allclose(mixture.means_[order], means, atol=0.2)
    np.testing.assert_allclose(mixture.weights_, 1 / 3, atol=0.01)
    variances = mixture.covariances_ if covariance == "diag" else np.diagonal(mixture.covariances_, axis1=1, axis2=2)
    np.testing.assert_allclose(variances, [[1.0, 0.25]] * 3, rtol=0.2)
