import numpy as np
import pytest
from scipy import sparse
from sklearn import decomposition

from latentbench.preprocessing import pca as module
from latentbench.preprocessing.pca import fit_pca, fit_scaling


@pytest.fixture
def x() -> np.ndarray:
    rng = np.random.default_rng(0)
    return rng.poisson(np.exp(rng.normal(size=(90, 4)) @ rng.normal(size=(4, 30)) / 3)).astype(
        np.float32
    )


@pytest.mark.parametrize(
    ("by", "sparse_below"), [("covariance", 1.1), ("covariance", 0.0), ("lanczos", 0.0)]
)
@pytest.mark.parametrize("wrap", [np.asarray, sparse.csr_matrix])
@pytest.mark.parametrize("ends", [[], [1, 50]])
def test_components_scores_and_variances_are_those_of_scikit_learn_however_the_cells_are_cut(
    x, ends, wrap, by, sparse_below, monkeypatch
):
    monkeypatch.setattr(module, "SPARSE_GRAM_BELOW", sparse_below)
    monkeypatch.setattr(module, "ROWS_PER_PIECE", 7)
    monkeypatch.setattr(module, "MOST_VARS_FOR_COVARIANCE", 100 if by == "covariance" else 10)
    theirs = decomposition.PCA(5, svd_solver="full").fit(x.astype(np.float64))

    ours = fit_pca([wrap(part) for part in np.split(x, ends)], 5)

    signs = np.sign((ours.components * theirs.components_).sum(axis=1))
    np.testing.assert_allclose(ours.components * signs[:, None], theirs.components_, atol=1e-8)
    np.testing.assert_allclose(ours.variance_ratio, theirs.explained_variance_ratio_, rtol=1e-8)
    np.testing.assert_allclose(
        ours.transform(wrap(x)) * signs, theirs.transform(x.astype(np.float64)), atol=1e-4
    )
    assert (ours.components[np.arange(5), np.abs(ours.components).argmax(axis=1)] > 0).all()


@pytest.mark.parametrize("by", ["covariance", "lanczos"])
def test_the_number_of_components_is_clamped_to_the_rank(x, by, monkeypatch):
    monkeypatch.setattr(module, "MOST_VARS_FOR_COVARIANCE", 100 if by == "covariance" else 10)

    assert len(fit_pca([x[:8]], 50).components) == 7
    with pytest.raises(ValueError, match="at least 2 training cells"):
        fit_pca([x[:1]], 5)


def test_constant_data_has_no_variance_to_share():
    fitted = fit_pca([np.ones((5, 3))], 2)

    assert fitted.variance_ratio.tolist() == [0, 0]
    np.testing.assert_allclose(fitted.transform(np.ones((5, 3))), 0, atol=1e-12)


@pytest.mark.parametrize("wrap", [np.asarray, sparse.csr_matrix])
def test_scaling_uses_training_cells_caps_high_values_and_keeps_zeros(x, wrap):
    x[70, 0], x[:, 1] = 1e4, 2.0
    mean, sd = x[:60].mean(axis=0, dtype=np.float64), x[:60].std(axis=0, ddof=1, dtype=np.float64)
    sd[1] = np.inf

    scaled = fit_scaling([wrap(x[:25]), wrap(x[25:60])]).apply(wrap(x))

    np.testing.assert_allclose(
        scaled.toarray(), np.minimum(x, mean + 10 * np.where(np.isinf(sd), 0, sd)) / sd, rtol=1e-6
    )
    assert scaled[70, 0] == pytest.approx(mean[0] / sd[0] + 10)
