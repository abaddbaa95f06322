"""The two clusterings of principal components: ``kmeans_pca`` and ``gmm_pca``."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.special import softmax
from scipy.stats import multivariate_normal
from sklearn.metrics import adjusted_rand_score

from latentbench.maths.mixtures import fit_mixture
from latentbench.models.gmm_pca import gmm_pca
from latentbench.models.kmeans_pca import kmeans_pca


@pytest.fixture
def data(training_data):
    return training_data(n_obs=200)


@pytest.mark.parametrize("clustering", [kmeans_pca, gmm_pca])
def test_separate_groups_are_found(clustering, data):
    assert (
        adjusted_rand_score(
            data.labels, clustering(data, seed=0, n_clusters=3).cluster_probs.argmax(1)
        )
        == 1
    )


@pytest.mark.parametrize("clustering", [kmeans_pca, gmm_pca])
def test_only_training_cells_are_fitted_and_every_cell_gets_every_cluster_a_probability(
    clustering, data
):
    moved = data.pca.copy()
    moved[data.test.numpy()] += 50
    first, again = (
        clustering(each, seed=1, n_clusters=4) for each in (data, replace(data, pca=moved))
    )
    for name, values in first.weights.items():
        np.testing.assert_array_equal(values, again.weights[name])
    assert first.cluster_probs.shape == again.cluster_probs.shape == (200, 4)


def test_a_cell_belongs_to_its_nearest_centre(data):
    reference = kmeans_pca(data, seed=0, n_clusters=5, n_latent=3)
    distances = np.linalg.norm(data.pca[:, None, :3] - reference.weights["centres"], axis=2)
    np.testing.assert_array_equal(reference.cluster_probs.argmax(1), distances.argmin(1))


@pytest.mark.parametrize("covariance", ["full", "diag"])
def test_responsibilities_are_those_of_bayes_rule(covariance, data):
    reference = gmm_pca(data, seed=0, n_clusters=3, n_latent=4, covariance=covariance)
    (shares,), (means,), (covariances,) = (
        reference.weights[name] for name in ("weights", "means", "covariances")
    )
    log_joint = np.stack(
        [
            np.log(share) + multivariate_normal.logpdf(data.pca[:, :4], mean, each)
            for share, mean, each in zip(shares, means, covariances, strict=True)
        ],
        axis=1,
    )
    np.testing.assert_allclose(reference.cluster_probs, softmax(log_joint, axis=1), atol=1e-5)


def test_of_several_fits_the_likeliest_is_kept(training_data):
    codes = training_data(n_obs=300, n_groups=9).pca
    one, best = (
        np.array(
            [fit_mixture(codes, 6, seed=seed, n_init=n_init).score(codes) for seed in range(4)]
        )
        for n_init in (1, 6)
    )
    assert (best >= one).all()
    assert (best > one).any()
