import anndata as ad
import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn.cluster import KMeans

from latentbench.answer.markers import markers_of
from latentbench.maths.count_splitting import split_counts

N_VARS = 40
NAMES = [f"gene{number}" for number in range(N_VARS)]


@pytest.fixture(scope="module")
def marked():
    """Counts of three groups of which each has five genes, and the groups."""
    rng = np.random.default_rng(0)
    groups = np.repeat(np.arange(3), [80, 60, 40])
    rate = np.full((3, N_VARS), 2.0)
    for group in range(3):
        rate[group, 5 * group : 5 * group + 5] = 8.0
    return sparse.csr_matrix(rng.poisson(rate[groups])), groups


def test_the_genes_of_every_group_come_first(marked):
    counts, groups = marked
    held_out = split_counts(counts, held_out=0.5).held_out
    table = markers_of(held_out, groups, NAMES, n_top=5).table
    for group, rows in table.groupby("group"):
        assert set(rows["gene"]) == set(NAMES[5 * group : 5 * group + 5])
        assert (rows["p_adjusted"] < 1e-4).all()
        assert (rows["share"] > rows["share_of_rest"]).all()
        assert rows["rank"].tolist() == [1, 2, 3, 4, 5]


def test_scanpy_plots_what_is_ranked(marked):
    import scanpy as sc

    counts, groups = marked
    mpl.use("Agg")
    adata = ad.AnnData(counts.astype(np.float32), var=pd.DataFrame(index=NAMES))
    adata.obs["latentbench_cluster"] = pd.Categorical(groups.astype(str))
    adata.uns["rank_genes_groups"] = markers_of(counts, groups, NAMES).ranked
    sc.pl.rank_genes_groups(adata, show=False)
    sc.pl.rank_genes_groups_dotplot(adata, n_genes=2, show=False, dendrogram=False)
    assert len(sc.get.rank_genes_groups_df(adata, group="0")) == N_VARS


def test_p_values_are_honest_where_groups_were_found_in_the_other_part():
    rng = np.random.default_rng(0)
    counts = sparse.csr_matrix(rng.poisson(3, (300, N_VARS)))
    parts = split_counts(counts, seed=0, held_out=0.5)
    groups = KMeans(2, n_init=1, random_state=0).fit(parts.seen.toarray()).labels_
    honest = markers_of(parts.held_out, groups, NAMES).table["p"]
    dipped = markers_of(parts.seen, groups, NAMES).table["p"]
    assert (honest < 0.05).mean() < 0.15 < (dipped < 0.05).mean()


def test_cells_of_no_group_and_groups_of_two_cells_have_no_part_in_it(marked):
    counts, groups = marked
    some = groups.copy()
    some[:10], some[10:12] = -1, 3
    assert set(markers_of(counts, some, NAMES).table["group"]) == {0, 1, 2}


def test_one_group_has_no_markers(marked):
    counts, groups = marked
    assert markers_of(counts, 0 * groups, NAMES) is None
