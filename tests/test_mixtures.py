import numpy as np
import pytest
from sklearn.metrics import adjusted_rand_score

from latentbench.mixtures import ManifoldMixture, agreed_mixture_probs, agreed_probs, fit_mixture


@pytest.fixture
def groups():
    rng = np.random.default_rng(0)
    labels = np.arange(240) % 4
    return (12 * np.eye(4, 3)[labels] + rng.standard_normal((240, 3))).astype(np.float32), labels


def test_clusterings_that_differ_in_the_order_of_their_clusters_agree_entirely():
    rng = np.random.default_rng(1)
    probs = rng.dirichlet(np.full(5, 0.2), 60)
    agreed = agreed_probs([probs[:, rng.permutation(5)] for _ in range(4)])
    matched = [[np.allclose(agreed[:, i], probs[:, j], atol=1e-6) for j in range(5)] for i in range(5)]
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
