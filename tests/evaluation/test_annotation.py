"""The annotated data set: one replica of every model, chosen without labels."""

import anndata
import numpy as np
import pandas as pd
import pytest

from annotate import main
from latentbench.files.tables import SCORES


@pytest.fixture
def annotated(study_files, evaluate, write_training):
    obs = anndata.read_h5ad(study_files / "prepared.h5ad").obs
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
    kinds = {model: "vae" if model == "lost" else model for model in models}
    paths = (
        study_files / "prepared.h5ad",
        embeddings,
        clusters,
        study_files / "scores.tsv",
        study_files / "annotated.h5ad",
    )
    main(*paths, dataset="groups", kinds=kinds, rule=rule)
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


def test_the_clusters_of_the_variant_that_the_rule_picks_have_a_column_of_their_own(annotated):
    selected = annotated.uns["latentbench"]["selected"]
    assert selected["criterion"] == "silhouette_of_clusters"
    assert (
        annotated.obs["latentbench_cluster"].tolist()
        == annotated.obs[f"{selected['model']}_cluster"].tolist()
    )


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
