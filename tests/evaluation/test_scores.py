"""Scoring one variant: every planned replica appears, no label reaches a clustering, what is missing says why."""

import anndata
import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import adjusted_rand_score

from latentbench.artefacts import write_h5ad
from latentbench.evaluation.metrics import AGREEMENT
from latentbench.evaluation.reading import read_scores
from latentbench.evaluation.scores import SCORE_COLUMNS


def test_scores_have_the_contracts_columns_and_every_row_once(study_files, evaluate):
    scores = read_scores(evaluate(study_files, "vae")[0])
    assert list(scores.columns) == SCORE_COLUMNS
    identity = ["seed", "split", "clustering", "metric"]
    assert not scores.duplicated(identity).any()
    expected = {(s, p, c, m) for s in (0, 1, 2) for p in ("train", "test") for c in ("kmeans", "leiden") for m in [*AGREEMENT, "n_clusters_found"]}
    expected |= {(s, p, "none", m) for s in (0, 1, 2) for p in ("train", "test") for m in ("silhouette", "n_labelled", "n_unlabelled")}
    expected |= {(s, "test", "none", "loss") for s in (0, 1, 2)}
    assert set(scores[identity].itertuples(index=False, name=None)) == expected


def test_a_replica_that_failed_gives_its_status_for_every_metric(study_files, evaluate):
    scores = read_scores(evaluate(study_files, "vae")[0])
    failed = scores[(scores["seed"] == 2) & ~scores["metric"].isin(["n_labelled", "n_unlabelled"])]
    assert set(failed["status"]) == {"diverged"}
    assert set(failed["reason"]) == {"loss is not finite in epoch 1"}
    assert failed["value"].isna().all()
    assert set(scores.loc[scores["seed"] != 2, "status"]) == {"ok"}


def test_the_ari_is_that_of_the_written_clusters(study_files, evaluate):
    score_path, cluster_path = evaluate(study_files, "vae")
    scores, clusters = read_scores(score_path), pd.read_parquet(cluster_path)
    obs = anndata.read_h5ad(study_files / "prepared.h5ad").obs
    for (seed, clustering), group in clusters.groupby(["seed", "clustering"]):
        cells = group.set_index("cell").join(obs)
        test = cells[cells["split"] == "test"]
        row = scores[(scores["seed"] == seed) & (scores["clustering"] == clustering) & (scores["split"] == "test") & (scores["metric"] == "ari")]
        assert row["value"].item() == pytest.approx(adjusted_rand_score(test["label"], test["cluster"]))
    assert set(clusters["clustering"]) == {"kmeans", "leiden"}
    assert len(clusters) == 2 * 2 * len(obs)


def test_the_labels_leave_every_byte_of_the_clusters_as_it_was(study_files, evaluate, write_prepared):
    honest = [evaluate(study_files, model)[1].read_bytes() for model in ("vae", "gmvae")]
    scores = [(study_files / model / "scores.tsv").read_bytes() for model in ("vae", "gmvae")]
    labels = anndata.read_h5ad(study_files / "prepared.h5ad").obs["label"]
    for others in (np.random.default_rng(0).permutation(labels.to_numpy(dtype=object)), None):
        write_prepared(study_files / "prepared.h5ad", None if others is None else list(others))
        assert [evaluate(study_files, model)[1].read_bytes() for model in ("vae", "gmvae")] == honest
        assert [(study_files / model / "scores.tsv").read_bytes() for model in ("vae", "gmvae")] != scores


def test_the_same_input_gives_the_same_bytes(study_files, evaluate):
    first = [path.read_bytes() for path in evaluate(study_files, "vae")]
    assert [path.read_bytes() for path in evaluate(study_files, "vae")] == first


def test_a_model_that_clusters_has_own_clusters_as_its_headline(study_files, evaluate):
    scores = read_scores(evaluate(study_files, "gmvae", clusterings=["kmeans"])[0])
    assert set(scores["clustering"]) == {"own", "kmeans", "none"}
    assert set(scores.loc[scores["headline"], "clustering"]) == {"own"}
    assert (scores.query("clustering == 'own' and metric == 'ari'")["value"] == 1.0).all()


def test_the_headline_is_made_even_if_the_config_leaves_it_out(study_files, evaluate, write_prepared):
    labels = list(anndata.read_h5ad(study_files / "prepared.h5ad").obs["label"])
    write_prepared(study_files / "prepared.h5ad", labels, n_clusters=None)
    scores = read_scores(evaluate(study_files, "vae", clusterings=["kmeans"])[0])
    assert set(scores.loc[scores["headline"], "clustering"]) == {"leiden"}
    assert set(scores.query("clustering == 'kmeans' and seed == 0")["status"]) == {"not_applicable"}


def test_the_loss_is_that_of_the_last_epoch(study_files, evaluate):
    scores = read_scores(evaluate(study_files, "vae")[0]).query("metric == 'loss' and split == 'test'").set_index("seed")
    assert scores["value"].to_dict() == {0: 4.0, 1: 3.0, 2: pytest.approx(np.nan, nan_ok=True)}
    assert scores.loc[2, "status"] == "diverged"


def test_unlabelled_cells_are_counted_and_no_labels_at_all_are_not_applicable(study_files, evaluate, write_prepared):
    labels = list(anndata.read_h5ad(study_files / "prepared.h5ad").obs["label"])
    write_prepared(study_files / "prepared.h5ad", [np.nan] * 10 + labels[10:])
    scores = read_scores(evaluate(study_files, "vae")[0])
    assert scores.query("metric == 'n_unlabelled' and seed == 0").set_index("split")["value"].to_dict() == {"test": 2.0, "train": 8.0}
    assert set(scores.query("metric == 'ari' and seed == 0")["status"]) == {"ok"}
    write_prepared(study_files / "prepared.h5ad", None)
    scores = read_scores(evaluate(study_files, "vae")[0]).query("seed == 0")
    assert set(scores.query("metric in ['ari', 'silhouette']")["status"]) == {"not_applicable"}
    assert set(scores.query("metric == 'n_clusters_found'")["status"]) == {"ok"}


def test_a_non_finite_embedding_is_a_typed_failure(study_files, evaluate):
    path = study_files / "vae" / "embedding.h5ad"
    embedding = anndata.read_h5ad(path)
    embedding.obsm["X_seed0"][3, 0] = np.nan
    write_h5ad(embedding, path)
    scores = read_scores(evaluate(study_files, "vae")[0]).query("seed == 0")
    assert set(scores.query("metric in ['ari', 'silhouette']")["status"]) == {"failed"}


def test_other_cells_than_the_embeddings_are_refused_by_name(study_files, evaluate, write_prepared):
    write_prepared(study_files / "prepared.h5ad", ["a", "b"] * 60)
    with pytest.raises(ValueError, match=r"prepared\.h5ad: its cells are not those of the embedding"):
        evaluate(study_files, "vae")


def test_an_unknown_clustering_is_refused_by_name(study_files, evaluate):
    with pytest.raises(ValueError, match=r"unknown kmean; there are own, kmeans"):
        evaluate(study_files, "vae", clusterings=["kmean"])


def test_a_variant_without_any_good_replica_is_all_status(study_files, evaluate, write_training):
    obs = anndata.read_h5ad(study_files / "prepared.h5ad").obs
    write_training(study_files / "lost", {0: ("oom", "out of memory"), 1: ("timeout", "")}, obs, model="lost")
    score_path, cluster_path = evaluate(study_files, "lost")
    scores = read_scores(score_path).query("metric == 'ari'")
    assert set(zip(scores["seed"], scores["status"], scores["reason"], strict=True)) == {
        (0, "oom", "out of memory"),
        (1, "timeout", "the replica ended timeout"),
    }
    assert list(pd.read_parquet(cluster_path).columns) == ["cell", "seed", "clustering", "cluster"]
