import numpy as np
import pytest
from sklearn.datasets import load_digits

from latentbench.data import bundled
from latentbench.data.bundled import BUNDLED


def test_the_counts_of_pbmc_are_whole_and_give_back_the_shipped_values():
    restored = BUNDLED["pbmc68k_reduced"]()
    shipped = bundled.shipped_pbmc()

    assert restored.shape == (700, 765)
    assert restored.X.dtype == np.int32
    assert restored.X.nnz == 174_400
    again = np.log1p(restored.X.toarray() / shipped.obs["n_counts"].to_numpy()[:, None] * 1e4)
    np.testing.assert_allclose(again, shipped.raw.X.toarray(), atol=1e-3)
    assert restored.obs["bulk_labels"].nunique() == 10


def test_digits_are_the_pixels_and_digits_of_scikit_learn():
    digits = BUNDLED["digits"]()

    np.testing.assert_array_equal(digits.X, load_digits().data)
    assert digits.X.dtype == np.uint8
    assert digits.X.max() == 16
    assert list(digits.obs["digit"][:10]) == list("0123456789")


def test_a_missing_scanpy_is_named_with_the_remedy(monkeypatch):
    monkeypatch.setattr(bundled.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(
        ValueError, match="scanpy is not installed; install it, or give a mirror folder"
    ):
        BUNDLED["pbmc68k_reduced"]()
