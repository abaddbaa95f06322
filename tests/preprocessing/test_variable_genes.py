from itertools import pairwise

import numpy as np
import pytest
import scanpy as sc
from anndata import AnnData
from scipy import sparse

from latentbench.data.simulation import counts as simulate_counts
from latentbench.preprocessing.variable_genes import begin_choice, gene_sums, most_variable


@pytest.fixture(scope="module")
def counts() -> sparse.csr_matrix:
    """Counts of 400 cells, one gene constant."""
    simulated = simulate_counts(n_obs=400, n_vars=500).X.tolil()
    simulated[:, 3] = 1
    return simulated.tocsr()


def scores_of(blocks: list[sparse.csr_matrix], n_top_genes: int | None, flavor: str) -> np.ndarray:
    choice = begin_choice(
        sum(map(gene_sums, blocks[1:]), start=gene_sums(blocks[0])), n_top_genes, flavor
    )
    for block in blocks:
        choice.add(block)
    return choice.scores()


@pytest.mark.parametrize("flavor", ["seurat_v3", "pearson_residuals"])
@pytest.mark.parametrize("ends", [[], [1, 150, 151]])
def test_scores_and_choice_are_those_of_scanpy_however_the_cells_are_cut_into_blocks(
    counts, flavor, ends
):
    blocks = [counts[start:stop] for start, stop in pairwise([0, *ends, counts.shape[0]])]
    theirs = AnnData(counts.astype(np.float64))
    if flavor == "seurat_v3":
        sc.pp.highly_variable_genes(theirs, flavor=flavor, n_top_genes=100)
        column = "variances_norm"
    else:
        sc.experimental.pp.highly_variable_genes(theirs, flavor=flavor, n_top_genes=100)
        column = "residual_variances"

    scores = scores_of(blocks, 100, flavor)
    np.testing.assert_allclose(scores, theirs.var[column], rtol=1e-8, atol=1e-10)
    np.testing.assert_array_equal(most_variable(scores, 100), theirs.var["highly_variable"])


@pytest.mark.parametrize("n_top_genes", [None, 500, 2000])
def test_all_genes_are_taken_where_there_are_no_more(counts, n_top_genes):
    assert most_variable(scores_of([counts], n_top_genes, "seurat_v3"), n_top_genes).all()


@pytest.mark.parametrize(
    ("n_genes", "why"), [(12, "12 genes vary, the loess fit needs 20"), (60, "the loess fit fails")]
)
def test_a_fit_that_cannot_be_made_names_the_other_flavour(n_genes, why):
    flat = np.random.default_rng(0).permuted(np.tile([[0], [0], [1], [1]], (50, n_genes)), axis=0)

    with pytest.raises(
        ValueError, match=f"{why}.*; use hvg_flavor pearson_residuals, or n_top_genes null"
    ):
        scores_of([sparse.csr_matrix(flat.astype(np.int32))], 4, "seurat_v3")
