import numpy as np
import pytest
from scipy.stats import multivariate_normal

from latentbench.maths.mixtures import ManifoldMixture
from latentbench.maths.random_streams import seed_of


@pytest.fixture(scope="module")
def codes():
    """Codes of five groups, and which cells are trained on."""
    rng = np.random.default_rng(0)
    groups = np.arange(200) % 5
    z = (8 * rng.standard_normal((5, 4))[groups] + rng.standard_normal((200, 4))).astype(np.float32)
    return z, groups, np.flatnonzero(np.arange(200) % 4 > 0)


def test_three_separated_groups_are_recovered(ari_of_groups):
    assert (
        ari_of_groups(
            "n2d",
            phases=[{"name": "train", "epochs": 60}],
            hyperparameters={"n_latent": 3, "n_hidden": [16, 32]},
        )
        == 1
    ).all()


def test_the_probabilities_are_those_of_the_mixture_on_the_manifold_by_bayes(codes, built):
    z, groups, train = codes
    model, _, _, _ = built("n2d", "gaussian", n_clusters=5)
    u, probs = model.cluster_codes(z, train=train, seed=3)
    mixture = ManifoldMixture.fit(z[train], 5, seed=seed_of(3, "manifold"), n_neighbors=20).mixture
    joint = np.stack(
        [
            w * multivariate_normal(m, s).pdf(u)
            for w, m, s in zip(mixture.weights_, mixture.means_, mixture.covariances_, strict=True)
        ],
        1,
    )
    np.testing.assert_allclose(probs, joint / joint.sum(1, keepdims=True), atol=1e-5)
    assert u.shape == (200, 5)
    assert all(len(set(probs.argmax(1)[groups == group])) == 1 for group in range(5)), (
        "test cells lie with the training cells of their group"
    )


def test_what_is_fitted_does_not_depend_on_the_test_cells(codes, built):
    z, _, train = codes
    model, _, _, _ = built("n2d", "gaussian", n_clusters=5)
    u, probs = model.cluster_codes(z, train=train, seed=3)
    moved = z.copy()
    moved[::4] = 0
    u_moved, probs_moved = model.cluster_codes(moved, train=train, seed=3)
    np.testing.assert_array_equal(u_moved[train], u[train])
    np.testing.assert_array_equal(probs_moved[train], probs[train])
    only_train, _ = model.cluster_codes(z[train], train=np.arange(len(train)), seed=3)
    np.testing.assert_array_equal(only_train, u[train])
