"""The annotated data set: one replica of every model, chosen without labels."""

import anndata
import numpy as np
import pandas as pd
import pytest
import scanpy as sc
from matplotlib import pyplot as plt
from scipy import sparse
from sklearn.metrics import silhouette_score

from annotate import main
from latentbench.answer.answer import find_groups
from latentbench.answer.answer_tables import answer_tables, cells_table
from latentbench.answer.dataset_answer import held_out_counts
from latentbench.answer.members import members_of, together
from latentbench.evaluation import annotated_answer
from latentbench.evaluation.annotated_answer import add_answer, add_layout, add_markers
from latentbench.files.artefacts import write_h5ad, write_table
from latentbench.files.tables import ANSWER_TABLES, SCORES
from latentbench.outcomes import Outcome, Unavailable

# The first UMAP of a process is compiled for many seconds: one worker, one annotated data set.
pytestmark = pytest.mark.xdist_group("annotation")


@pytest.fixture(scope="module")
def study_files(tmp_path_factory, write_study_files):
    return write_study_files(tmp_path_factory.mktemp("annotation"))


@pytest.fixture(scope="module")
def found(groups):
    codes, _ = groups()
    members = [
        members_of(codes[:, :n], variant=name, seed=0) for n, name in ((4, "vae"), (6, "gmvae"))
    ]
    return find_groups(together(members))


@pytest.fixture(scope="module")
def annotated(study_files, evaluate, write_training, found):
    prepared = anndata.read_h5ad(study_files / "prepared.h5ad")
    prepared.obs["vae_cluster"] = "mine"
    prepared.obsm.update({"X_vae": np.full((240, 2), 7.0), "X_umap": np.full((240, 2), 8.0)})
    write_h5ad(prepared, study_files / "prepared.h5ad")
    obs = prepared.obs
    z = np.arange(2 * len(obs), dtype=np.float32).reshape(-1, 2)
    write_training(
        study_files / "pca",
        {0: ("failed", "why"), 3: (z, None), 4: (z, None)},
        obs,
        model="pca",
        kind="pca",
    )
    write_training(study_files / "lost", {0: ("oom", "out of memory")}, obs, model="lost")
    write_training(
        study_files / "true_labels",
        {0: (z, z)},
        obs,
        model="true_labels",
        kind="true_labels",
        saw_labels=True,
    )
    models = ["gmvae", "lost", "pca", "true_labels", "vae"]
    written = [evaluate(study_files, model) for model in models]
    pd.concat([SCORES.read(scores) for scores, _ in written]).to_csv(
        study_files / "scores.tsv", sep="\t", index=False
    )
    embeddings = {model: study_files / model / "embedding.h5ad" for model in models}
    clusters = {model: path for model, (_, path) in zip(models, written, strict=True)}
    rule = {"seed": "held_out_loss", "model": "silhouette_of_clusters"}
    tables = answer_tables(found, dataset="groups", n_cells=len(obs), n_clusters=None)
    answer = {"cells": study_files / "cells.parquet"}
    write_table(cells_table(found, obs.index), answer["cells"])
    for name in ("summary", "groups", "models", "tree"):
        answer[name] = study_files / f"{name}.tsv"
        ANSWER_TABLES[name].write(tables[ANSWER_TABLES[name].name], answer[name])
    kinds = {model: "vae" if model == "lost" else model for model in models}
    paths = (
        study_files / "prepared.h5ad",
        embeddings,
        clusters,
        study_files / "scores.tsv",
        answer,
        study_files / "annotated.h5ad",
    )
    main(*paths, dataset="groups", kinds=kinds, rule=rule, layout="umap")
    return anndata.read_h5ad(study_files / "annotated.h5ad")


def test_the_replica_that_the_rule_picks_is_shown(annotated, study_files):
    notes = annotated.uns["latentbench"]["annotation"]
    assert notes["vae"] == {"seed": 1, "criterion": "held_out_loss", "clustering": "kmeans"}
    assert notes["gmvae"] == {"seed": 0, "criterion": "held_out_loss", "clustering": "own"}
    embedding = anndata.read_h5ad(study_files / "vae" / "embedding.h5ad")
    assert np.array_equal(annotated.obsm["X_vae"], embedding.obsm["X_seed1"])
    clusters = pd.read_parquet(study_files / "vae" / "clusters.parquet")
    assert annotated.obs["vae_cluster"].astype(int).tolist() == clusters["kmeans_seed1"].tolist()
    assert annotated.obs["vae_consensus"].astype(int).tolist() == clusters["consensus"].tolist()


def test_the_answer_is_in_obs_a_layout_of_the_chosen_code_in_obsm_and_the_rest_in_uns(
    annotated, found
):
    obs, answer = annotated.obs, annotated.uns["latentbench"]["answer"]
    assert obs["latentbench_cluster"].astype(int).tolist() == found.groups.tolist()
    assert obs["latentbench_runner_up"].astype(int).tolist() == found.runner_up.tolist()
    np.testing.assert_array_equal(obs["latentbench_certainty"], found.certainty)
    assert (answer["n_groups"], answer["chosen"]) == (found.n_groups, found.choice.variant)
    assert answer["groups"]["cells"].tolist() == np.bincount(found.groups).tolist()
    assert answer["tree"]["parent"].tolist() == found.tree.parent.tolist()
    assert annotated.obsm["X_umap"].shape == (240, 2)
    assert annotated.uns["latentbench"]["layout"] == {"obsm": "X_umap", "cells_laid_out": 240}


def test_what_the_data_set_has_under_our_names_is_kept(annotated, study_files):
    assert set(annotated.obs["source_vae_cluster"]) == {"mine"}
    assert (annotated.obsm["X_vae_source"] == 7).all()
    assert (annotated.obsm["X_umap_source"] == 8).all()


def test_without_an_answer_there_is_its_reason_and_no_column(study_files):
    cells = anndata.read_h5ad(study_files / "prepared.h5ad")
    gap = Unavailable(Outcome.NOT_APPLICABLE, "one variant agrees with itself alone")
    tables = answer_tables(gap, dataset="groups", n_cells=240, n_clusters=None)
    named = {name: tables[table.name] for name, table in ANSWER_TABLES.items()}
    assert add_answer(cells, {**named, "cells": cells_table(gap, cells.obs_names)}) is None
    assert cells.uns["latentbench"]["answer"]["reason"] == gap.reason
    assert "latentbench_cluster" not in cells.obs


def test_more_cells_than_are_laid_out_lie_among_their_nearest(study_files, groups, monkeypatch):
    monkeypatch.setattr(annotated_answer, "LAID_OUT", 100)
    cells = anndata.read_h5ad(study_files / "prepared.h5ad")
    codes, labels = groups()
    add_layout(cells, codes, layout="pca")
    places = cells.obsm["X_latentbench_pca"]
    assert cells.uns["latentbench"]["layout"]["cells_laid_out"] == 100
    assert silhouette_score(places, labels) > 0.3


def test_a_model_without_a_loss_shows_its_first_good_seed_and_keeps_the_preprocessings_pca(
    annotated, study_files
):
    note = annotated.uns["latentbench"]["annotation"]["pca"]
    assert (note["seed"], note["criterion"]) == (
        3,
        "the first seed that ended ok: held_out_loss has no value, or the variant saw labels",
    )
    prepared = anndata.read_h5ad(study_files / "prepared.h5ad")
    assert np.array_equal(annotated.obsm["X_pca_preprocessing"], prepared.obsm["X_pca"])
    assert annotated.obsm["X_pca"].shape == (240, 2)


def test_controls_are_left_out_and_lost_models_say_why(annotated):
    assert "true_labels_cluster" not in annotated.obs
    assert annotated.uns["latentbench"]["annotation"]["lost"] == {"left_out": "no replica ended ok"}
    assert "X_lost" not in annotated.obsm


def test_clusters_are_categories_in_numerical_order(annotated):
    assert isinstance(annotated.obs["gmvae_cluster"].dtype, pd.CategoricalDtype)
    assert list(annotated.obs["gmvae_cluster"].cat.categories) == ["0", "1", "2", "3"]


def test_scanpys_plots_run_on_the_file_with_no_step_between(tmp_path):
    rng = np.random.default_rng(0)
    labels = np.repeat([0, 1, 2], 40)
    counts = rng.poisson(1 + 5 * (labels[:, None] == np.arange(60) // 20)).astype(np.int32)
    cells = sc.AnnData(sparse.csr_matrix(np.log1p(counts).astype(np.float32)))
    cells.obs_names, cells.var_names = (
        [f"{kind}{i}" for i in range(n)] for kind, n in (("cell", 120), ("gene", 60))
    )
    cells.uns["latentbench"] = {"dataset": "counts"}
    codes = np.log1p(counts).astype(np.float64)
    cells.obsm["X_pca"] = codes[:, :20]  # as every prepared data set has them
    members = [members_of(codes[:, ::n], variant=f"by {n}", seed=0) for n in (1, 2)]
    found = find_groups(together(members))
    tables = answer_tables(found, dataset="counts", n_cells=120, n_clusters=None)
    named = {name: tables[table.name] for name, table in ANSWER_TABLES.items()}
    add_answer(cells, {**named, "cells": cells_table(found, cells.obs_names)})
    add_layout(cells, codes, layout="tsne")
    add_markers(cells, held_out_counts(sparse.csr_matrix(counts)), cells.var_names)
    write_h5ad(cells, tmp_path / "annotated.h5ad")

    read = sc.read_h5ad(tmp_path / "annotated.h5ad")
    columns = ["latentbench_cluster", "latentbench_certainty"]
    sc.pl.embedding(read, basis="tsne", color=columns, show=False)
    sc.pl.dotplot(read, ["gene0", "gene59"], groupby="latentbench_cluster", show=False)
    sc.pl.rank_genes_groups(read, show=False)
    sc.pl.rank_genes_groups_dotplot(read, n_genes=3, show=False)
    assert sc.get.rank_genes_groups_df(read, "0")["pvals_adj"].iloc[0] < 0.01
    plt.close("all")
