"""The counts that no model sees."""

import numpy as np
import pytest
from scipy import sparse

from latentbench.preprocessing.held_out import hold_out
from latentbench.preprocessing.presets import preprocess


@pytest.fixture
def counts():
    return sparse.csr_matrix(np.random.default_rng(0).poisson(2.0, (300, 40)).astype(np.int32))


def test_the_parts_add_up_and_have_their_shares(counts):
    seen, held_out = hold_out(counts, np.arange(300), 0.2)
    assert ((seen + held_out) != counts).nnz == 0
    assert min(seen.data.min(), held_out.data.min()) > 0
    n = counts.sum()
    assert held_out.sum() == pytest.approx(0.2 * n, abs=4 * np.sqrt(0.16 * n))


def test_parts_of_poisson_counts_are_independent(counts):
    seen, held_out = (part.toarray().ravel() for part in hold_out(counts, np.arange(300), 0.5))
    assert abs(np.corrcoef(seen, held_out)[0, 1]) < 4 / np.sqrt(len(seen))


def test_which_cells_are_read_together_makes_no_difference(counts):
    whole = hold_out(counts, np.arange(300), 0.2)[1]
    rows = np.array([7, 3, 250])
    assert (hold_out(counts[rows], rows, 0.2)[1] != whole[rows]).nnz == 0


def test_no_cell_loses_all_its_molecules():
    single = sparse.csr_matrix(np.eye(200, dtype=np.int32))
    seen, held_out = hold_out(single, np.arange(200), 0.5)
    assert (seen.sum(axis=1) == 1).all()
    assert held_out.nnz == 0


def test_quality_is_that_of_all_counts_and_models_see_the_rest(raw_counts):
    whole = raw_counts.copy()
    options = {"preset": "counts_lenient", "options": {"n_top_genes": 100}, "split": {}}
    prepared = preprocess(raw_counts, **options, held_out=0.2)
    plain = preprocess(whole, **options)
    assert prepared.uns["latentbench"]["filters"] == plain.uns["latentbench"]["filters"]
    both = prepared.layers["counts"] + prepared.layers["held_out"]
    assert (both != plain.layers["counts"]).nnz == 0
    assert (prepared.obs["total_counts"] == plain.obs["total_counts"]).all()
    np.testing.assert_allclose(
        np.expm1(prepared.X.toarray()).sum(axis=1), 1e4, rtol=1e-4, err_msg="X is of what is seen"
    )
    assert prepared.uns["latentbench"]["held_out"] == 0.2
