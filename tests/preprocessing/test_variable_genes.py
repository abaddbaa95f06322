import logging
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
import scanpy as sc
from anndata import AnnData
from scipy import sparse

from latentbench.data.simulation import counts as simulate_counts
from latentbench.preprocessing.counts import Recipe, highly_variable
from latentbench.preprocessing.variable_genes import Choice, gene_sums, pearson_residuals


@pytest.fixture(scope="module")
def counts() -> sparse.csr_matrix:
    """Counts of 400 cells, one gene constant."""
    simulated = simulate_counts(n_obs=400, n_vars=500).X.tolil()
    simulated[:, 3] = 1
    return simulated.tocsr()


def chosen_from(counts, ends, *, n_top_genes, flavor, batches=None) -> Choice:
    """The choice from blocks that end at ``ends``."""
    batches = np.zeros(counts.shape[0], dtype=np.int64) if batches is None else batches
    sums = [gene_sums(counts[batches == batch]) for batch in range(batches.max() + 1)]
    choice = Choice(sums, n_top_genes, flavor)
    for start, stop in pairwise([0, *ends, counts.shape[0]]):
        choice.add(counts[start:stop], batches[start:stop])
    return choice


@pytest.mark.parametrize("flavor", ["seurat_v3", "pearson_residuals"])
@pytest.mark.parametrize("ends", [[], [1, 150, 151]])
def test_scores_and_choice_are_those_of_scanpy_however_the_cells_are_cut_into_blocks(
    counts, flavor, ends
):
    theirs = AnnData(counts.astype(np.float64))
    if flavor == "seurat_v3":
        sc.pp.highly_variable_genes(theirs, flavor=flavor, n_top_genes=100)
        column = "variances_norm"
    else:
        sc.experimental.pp.highly_variable_genes(theirs, flavor=flavor, n_top_genes=100)
        column = "residual_variances"

    choice = chosen_from(counts, ends, n_top_genes=100, flavor=flavor)
    np.testing.assert_allclose(
        choice.batches[0].scores(), theirs.var[column], rtol=1e-8, atol=1e-10
    )
    np.testing.assert_array_equal(choice.most_variable(), theirs.var["highly_variable"])


@pytest.mark.parametrize("flavor", ["seurat_v3", "pearson_residuals"])
def test_batches_are_merged_as_scanpy_merges_them(counts, flavor):
    batches = np.random.default_rng(0).integers(0, 3, counts.shape[0])
    theirs = AnnData(counts.astype(np.float64))
    theirs.obs["batch"] = pd.Categorical(batches.astype(str))
    if flavor == "seurat_v3":
        sc.pp.highly_variable_genes(theirs, flavor=flavor, n_top_genes=100, batch_key="batch")
    else:
        sc.experimental.pp.highly_variable_genes(
            theirs, flavor=flavor, n_top_genes=100, batch_key="batch", clip=np.sqrt(400)
        )
    choice = chosen_from(counts, [150], n_top_genes=100, flavor=flavor, batches=batches)
    np.testing.assert_array_equal(choice.most_variable(), theirs.var["highly_variable"])


@pytest.mark.parametrize("n_top_genes", [None, 500, 2000])
def test_all_genes_are_taken_where_there_are_no_more(counts, n_top_genes):
    choice = chosen_from(counts, [], n_top_genes=n_top_genes, flavor="seurat_v3")
    assert choice.most_variable().all()
    assert choice.flavor == ""


@pytest.mark.parametrize(
    ("n_genes", "why"), [(12, "12 genes vary, the fit needs 20"), (60, "the loess fit fails")]
)
def test_where_loess_fails_another_flavour_is_used_and_said_in_memory_and_in_blocks(
    n_genes, why, caplog
):
    flat = np.random.default_rng(0).permuted(np.tile([[0], [0], [1], [1]], (50, n_genes)), axis=0)
    counts = sparse.csr_matrix(flat.astype(np.int32))
    with caplog.at_level(logging.WARNING, logger="latentbench"):
        choice = chosen_from(counts, [], n_top_genes=4, flavor="seurat_v3")
        train = AnnData(sparse.csr_matrix(np.log1p(flat)), layers={"counts": counts})
        in_memory, record = highly_variable(train, Recipe(n_top_genes=4))

    assert choice.flavor == record["flavor"] == "pearson_residuals"
    assert choice.most_variable().sum() == in_memory.sum() == 4
    assert caplog.text.count(why) == 2
    assert caplog.text.count("pearson_residuals is used") == 2


def test_residuals_of_training_cells_are_scanpys_and_of_others_by_their_shares(counts):
    train = AnnData(counts[:300].astype(np.float64))
    sc.experimental.pp.normalize_pearson_residuals(train)
    residuals = pearson_residuals(counts, counts[:300])
    np.testing.assert_allclose(residuals[:300], train.X, rtol=1e-4, atol=1e-5)
    assert np.isfinite(residuals).all()


@pytest.mark.parametrize("flavor", ["seurat", "cell_ranger"])
def test_flavours_of_log_values_are_scanpys(counts, flavor):
    train = AnnData(counts.astype(np.float32), layers={"counts": counts})
    sc.pp.normalize_total(train, target_sum=1e4)
    sc.pp.log1p(train)
    chosen, record = highly_variable(train, Recipe(n_top_genes=100, hvg_flavor=flavor))
    plain = sc.pp.highly_variable_genes(train, flavor=flavor, n_top_genes=100, inplace=False)
    np.testing.assert_array_equal(chosen, plain["highly_variable"])
    assert record["flavor"] == flavor
