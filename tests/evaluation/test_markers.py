import numpy as np
import pandas as pd
import pytest
from anndata import AnnData
from scipy import sparse, stats

from latentbench.evaluation.markers import COLUMNS, marker_table


@pytest.fixture
def annotated():
    """60 cells, 8 genes; gene 2 is high in cluster 1, gene 5 in cluster 0; test cells are nothing
    but noise.
    """
    random = np.random.default_rng(0)
    clusters, test = np.arange(60) % 3, np.arange(60) % 10 == 0
    x = random.poisson(0.5, (60, 8)).astype(np.float32)
    x[clusters == 1, 2] += 4
    x[clusters == 0, 5] += 4
    x[test] = 50
    obs = pd.DataFrame(
        {
            "split": np.where(test, "test", "train"),
            "latentbench_cluster": pd.Categorical(clusters.astype(str)),
        }
    )
    obs.index = [f"cell{i}" for i in range(60)]
    about = {"dataset": "made_up", "answer": {"chosen": "gmvae", "reason": "too few members"}}
    return AnnData(
        sparse.csr_matrix(x),
        obs=obs,
        var=pd.DataFrame(index=[f"gene{j}" for j in range(8)]),
        uns={"latentbench": about},
    )


def test_t_is_welchs_of_the_training_cells_against_all_others(annotated):
    train = annotated[annotated.obs["split"] == "train"]
    x, groups = train.X.toarray().astype(np.float64), train.obs["latentbench_cluster"]
    table = marker_table(annotated, n_top=8).query("grouping == 'cluster'")
    for name, rows in table.groupby("group"):
        expected = stats.ttest_ind(x[groups == name], x[groups != name], equal_var=False)
        np.testing.assert_allclose(rows["t"], expected.statistic, rtol=1e-5)
        assert list(rows["gene"]) == list(annotated.var_names)


def test_genes_that_set_a_cluster_apart_rank_first_and_test_cells_do_not_count(annotated):
    table = marker_table(annotated, n_top=2)
    assert list(table.columns) == list(COLUMNS)
    first = table[table["rank"] == 1].set_index("group")["gene"]
    assert first["0"] == "gene5"
    assert first["1"] == "gene2"
    train = annotated[
        (annotated.obs["split"] == "train") & (annotated.obs["latentbench_cluster"] == "1")
    ]
    row = table[(table["group"] == "1") & (table["gene"] == "gene2")].iloc[0]
    assert row["mean"] == pytest.approx(train[:, "gene2"].X.mean())
    assert row["share"] == 1
    assert row["n_cells"] == train.n_obs


def test_every_group_has_a_row_for_every_gene_that_ranks_high_in_any(annotated):
    ok = marker_table(annotated, n_top=2).query("grouping == 'cluster'")
    assert (ok.groupby("group")["gene"].agg(set) == set(ok["gene"])).all()
    assert set(ok["model"]) == {"gmvae"}


def test_labels_stand_beside_the_clusters_where_there_are_some(annotated):
    gap = marker_table(annotated).query("grouping == 'label'").iloc[0]
    assert (gap["status"], gap["reason"]) == ("not_applicable", "the data set has no labels")
    annotated.obs["label"] = pd.Categorical(np.where(np.arange(60) % 2, "odd", "even"))
    assert set(
        marker_table(annotated).query("grouping == 'label' and status == 'ok'")["group"]
    ) == {"odd", "even"}


def test_a_group_of_one_cell_and_a_choice_that_was_not_made_have_a_reason(annotated):
    lonely = annotated.copy()
    lonely.obs["latentbench_cluster"] = pd.Categorical(
        np.where(np.arange(60) == 1, "alone", "together")
    )
    table = marker_table(lonely)
    alone = table[(table["grouping"] == "cluster") & (table["group"] == "alone")].iloc[0]
    assert alone["status"] == "degenerate"
    assert "1 training cells in the group, 53 outside" in alone["reason"]
    del annotated.obs["latentbench_cluster"]
    table = marker_table(annotated)
    assert set(table["status"]) == {"not_applicable"}
    assert "too few members" in table.loc[table["grouping"] == "cluster", "reason"].iloc[0]
