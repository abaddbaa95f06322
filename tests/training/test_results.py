import json

import anndata as ad
import numpy as np
import pandas as pd
import pytest
from safetensors.numpy import load_file

from latentbench.files.tables import QUALITY_OF_VARIANT
from latentbench.models import kmeans_pca as kmeans_module
from latentbench.models.n2d import NotTooDeepClustering
from latentbench.study.variant import Variant
from latentbench.training import variant as variant_module
from latentbench.training.results import write_results
from latentbench.training.variant import read_codes, train_variant

SHORT = {"task": {}, "training": {"epochs": 2, "batch_size": 16}}
OPTIONS = {"seeds": [3, 7], "n_workers": 1, "device": "cpu"}


@pytest.fixture
def prepared(tmp_path):
    rng = np.random.default_rng(0)
    counts = rng.poisson(3, (60, 20)).astype(np.int32)
    adata = ad.AnnData(np.log1p(counts).astype(np.float32), layers={"counts": counts})
    adata.obs_names = [f"cell{i}" for i in range(60)]
    adata.obs["split"] = np.where(np.arange(60) % 5 == 0, "test", "train")
    adata.obs["label"] = np.where(np.arange(60) % 2 == 0, "a", "b")
    adata.var["highly_variable"] = np.arange(20) < 12
    adata.obsm["X_pca"] = adata.X[:, :4].astype(np.float32)
    path = tmp_path / "prepared.h5ad"
    adata.write_h5ad(path)
    return path


def results_of(prepared, folder, *, guide=None, **variant):
    paths = {
        name: folder / file
        for name, file in {
            "weights": "w.safetensors",
            "history": "h.parquet",
            "embedding": "e.h5ad",
            "status": "s.json",
            "quality": "q.tsv",
        }.items()
    }
    folder.mkdir(exist_ok=True)
    log = folder / "train.log"
    log.write_text("".join(f"line {i}\n" for i in range(30)))
    resolved = Variant(**{**SHORT, **variant})
    trained, data = train_variant(prepared, resolved, **OPTIONS, guide=guide)
    write_results(
        trained,
        data,
        dataset="mine",
        model="variant",
        variant=resolved,
        device="cpu",
        **paths,
        log=log,
    )
    return paths


def test_a_network_writes_the_five_files_of_the_contract(prepared, tmp_path):
    paths = results_of(
        prepared,
        tmp_path,
        kind="gmvae",
        likelihood="nb",
        hyperparameters={"n_clusters": 2, "n_latent": 3, "n_hidden": 8},
    )
    embedding = ad.read_h5ad(paths["embedding"])
    assert embedding.obsm["X_seed3"].shape == (60, 3)
    assert embedding.obsm["cluster_probs_seed7"].shape == (60, 2)
    assert embedding.uns["latentbench"]["clusters"]
    assert list(embedding.obs_names) == list(ad.read_h5ad(prepared).obs_names)
    weights = load_file(paths["weights"])
    # only the 12 highly variable genes are modelled
    assert weights["trunk.0.weight"].shape == (2, 12, 8)
    assert set(pd.read_parquet(paths["history"]).replica) == {3, 7}
    status = json.loads(paths["status"].read_text())
    assert [replica["status"] for replica in status["replicas"]] == ["ok", "ok"]
    quality = pd.read_csv(paths["quality"], sep="\t", keep_default_na=False)
    assert list(quality) == QUALITY_OF_VARIANT.columns
    assert set(quality.seed) == {3, 7}
    assert quality[quality.measure == "elbo"].status.tolist() == ["ok"] * 4
    assert status["versions"]["torch"].startswith("2.13")
    assert not status["saw_labels"]


def test_a_reference_writes_the_same_five_files(prepared, tmp_path):
    paths = results_of(prepared, tmp_path, kind="true_labels", likelihood=None, hyperparameters={})
    assert json.loads(paths["status"].read_text())["saw_labels"]
    assert pd.read_parquet(paths["history"]).empty
    assert set(pd.read_csv(paths["quality"], sep="\t").query("measure == 'elbo'").status) == {
        "not_applicable"
    }
    assert set(ad.read_h5ad(paths["embedding"]).obsm) == {
        "X_seed3",
        "X_seed7",
        "cluster_probs_seed3",
        "cluster_probs_seed7",
    }


def test_a_supervised_variant_says_that_it_saw_labels(prepared, tmp_path):
    paths = results_of(
        prepared,
        tmp_path,
        kind="gmvae",
        likelihood="gaussian",
        hyperparameters={"n_clusters": 2},
        task={"mode": "semi_supervised", "label_fraction": 0.5},
    )
    assert json.loads(paths["status"].read_text())["saw_labels"]


def test_the_same_training_gives_the_same_weights_history_and_codes(prepared, tmp_path):
    variant = {"kind": "vae", "likelihood": "nb", "hyperparameters": {"dropout": 0.2}}
    first, second = (results_of(prepared, tmp_path / name, **variant) for name in ("a", "b"))
    assert first["quality"].read_bytes() == second["quality"].read_bytes()
    assert first["weights"].read_bytes() == second["weights"].read_bytes()
    assert first["history"].read_bytes() == second["history"].read_bytes()
    np.testing.assert_array_equal(
        ad.read_h5ad(first["embedding"]).obsm["X_seed3"],
        ad.read_h5ad(second["embedding"]).obsm["X_seed3"],
    )


def statuses(paths):
    return [
        (replica["status"], replica["reason"])
        for replica in json.loads(paths["status"].read_text())["replicas"]
    ]


def test_more_clusters_than_training_cells_does_not_apply_and_says_so_in_every_file(
    prepared, tmp_path
):
    paths = results_of(
        prepared, tmp_path, kind="gmvae", likelihood="nb", hyperparameters={"n_clusters": 500}
    )
    assert statuses(paths) == [("not_applicable", "500 clusters for 48 training cells")] * 2
    assert not ad.read_h5ad(paths["embedding"]).obsm
    assert ad.read_h5ad(paths["embedding"]).uns["latentbench"]["clusters"]
    assert set(pd.read_csv(paths["quality"], sep="\t").status) == {"not_applicable"}
    assert pd.read_parquet(paths["history"]).empty
    assert load_file(paths["weights"]) == {}


def test_an_error_of_ours_fails_the_variant_with_its_reason_and_the_last_lines_of_the_log(
    prepared, tmp_path, monkeypatch
):
    def broken(*_, **__):
        raise ZeroDivisionError("the sum of nothing")

    monkeypatch.setattr(variant_module, "fit", broken)
    paths = results_of(
        prepared,
        tmp_path,
        kind="ae",
        likelihood="gaussian",
        hyperparameters={"n_latent": 2, "n_hidden": 8},
    )
    assert statuses(paths) == [("failed", "ZeroDivisionError: the sum of nothing")] * 2
    assert json.loads(paths["status"].read_text())["log"] == [f"line {i}" for i in range(10, 30)]


def broken_for(seeds, error, reference):
    """Return ``reference`` as it would be if it raised ``error`` for some seeds."""

    def computed(data, *, seed, **hyperparameters):
        if seed in seeds:
            raise error
        return reference(data, seed=seed, **hyperparameters)

    return computed


def test_a_seed_of_a_reference_that_fails_fails_alone(prepared, tmp_path, monkeypatch):
    kmeans = {
        "kind": "kmeans_pca",
        "likelihood": None,
        "hyperparameters": {"n_clusters": 2, "n_latent": 4},
    }
    both = results_of(prepared, tmp_path / "both", **kmeans)
    monkeypatch.setattr(
        kmeans_module,
        "kmeans_pca",
        broken_for([3], np.linalg.LinAlgError("SVD did not converge"), kmeans_module.kmeans_pca),
    )
    paths = results_of(prepared, tmp_path / "one", **kmeans)
    assert statuses(paths) == [("failed", "LinAlgError: SVD did not converge"), ("ok", "")]
    embedding = ad.read_h5ad(paths["embedding"])
    assert set(embedding.obsm) == {"X_seed7", "cluster_probs_seed7"}
    assert embedding.uns["latentbench"]["clusters"]
    np.testing.assert_array_equal(
        embedding.obsm["cluster_probs_seed7"],
        ad.read_h5ad(both["embedding"]).obsm["cluster_probs_seed7"],
    )
    centres, of_both = (load_file(each["weights"])["centres"] for each in (paths, both))
    assert np.isnan(centres[0]).all()
    np.testing.assert_array_equal(centres[1], of_both[1])
    quality = pd.read_csv(paths["quality"], sep="\t").query("measure == 'reconstruction_error'")
    assert quality.groupby("seed")["status"].agg(set).to_dict() == {3: {"failed"}, 7: {"ok"}}


def test_a_reference_all_of_whose_seeds_fail_has_a_reason_for_each(prepared, tmp_path, monkeypatch):
    monkeypatch.setattr(
        kmeans_module,
        "kmeans_pca",
        broken_for([3, 7], MemoryError("no room"), kmeans_module.kmeans_pca),
    )
    paths = results_of(
        prepared, tmp_path, kind="kmeans_pca", likelihood=None, hyperparameters={"n_clusters": 2}
    )
    assert statuses(paths) == [("failed", "MemoryError: no room")] * 2
    assert load_file(paths["weights"]) == {}


def test_a_seed_whose_codes_cannot_be_clustered_fails_alone_and_keeps_its_weights(
    prepared, tmp_path, monkeypatch
):
    def cluster_codes(self, codes, *, train, seed):
        if seed == 3:
            raise np.linalg.LinAlgError("singular")
        return codes, np.full((len(codes), 2), 0.5, np.float32)

    monkeypatch.setattr(NotTooDeepClustering, "cluster_codes", cluster_codes)
    paths = results_of(
        prepared,
        tmp_path,
        kind="n2d",
        likelihood="gaussian",
        hyperparameters={"n_clusters": 2, "n_latent": 3, "n_hidden": [8]},
    )
    assert statuses(paths) == [("failed", "LinAlgError: singular"), ("ok", "")]
    assert set(ad.read_h5ad(paths["embedding"]).obsm) == {"X_seed7", "cluster_probs_seed7"}
    assert {len(weights) for weights in load_file(paths["weights"]).values()} == {2}
    quality = pd.read_csv(paths["quality"], sep="\t").query("measure == 'reconstruction'")
    assert quality.groupby("seed")["status"].agg(set).to_dict() == {3: {"failed"}, 7: {"ok"}}


def test_a_mistake_in_a_reference_stops_the_job_with_its_sentence(prepared, tmp_path):
    with pytest.raises(ValueError, match="no obsm 'X_mine' in the prepared data"):
        results_of(
            prepared,
            tmp_path,
            kind="embedding",
            likelihood=None,
            hyperparameters={"obsm": "X_mine"},
        )


def test_a_mistake_of_the_users_stops_the_job_with_its_sentence(prepared, tmp_path):
    training = {"epochs": 1, "early_stopping": {"validation_fraction": 0.99}}
    with pytest.raises(ValueError, match="leaves fewer than 2 to train on"):
        results_of(
            prepared,
            tmp_path,
            kind="ae",
            likelihood="gaussian",
            hyperparameters={"n_latent": 2},
            training=training,
        )


def test_an_embedding_with_a_missing_value_is_a_failed_replica_with_the_cell_named(
    prepared, tmp_path
):
    adata = ad.read_h5ad(prepared)
    adata.obsm["X_mine"] = np.where(np.arange(120).reshape(60, 2) == 7, np.nan, 1.0)
    adata.write_h5ad(prepared)
    paths = results_of(
        prepared, tmp_path, kind="embedding", likelihood=None, hyperparameters={"obsm": "X_mine"}
    )
    replicas = json.loads(paths["status"].read_text())["replicas"]
    assert [(replica["status"], replica["reason"]) for replica in replicas] == [
        ("failed", "the embedding holds a non-finite value (first: cell cell3)")
    ] * 2
    assert not ad.read_h5ad(paths["embedding"]).obsm
    quality = pd.read_csv(paths["quality"], sep="\t")
    assert set(quality.status) == {"failed"}
    assert quality.value.isna().all()


def test_a_guided_variant_looks_at_the_codes_of_the_same_seed(prepared, tmp_path):
    codes = results_of(
        prepared,
        tmp_path,
        kind="ae",
        likelihood="gaussian",
        hyperparameters={"n_latent": 2, "n_hidden": 8},
    )["embedding"]
    given = read_codes(codes, [7, 3])
    np.testing.assert_array_equal(given[7], ad.read_h5ad(codes).obsm["X_seed7"])
    guided = {
        "kind": "gmvae",
        "likelihood": "nb",
        "hyperparameters": {"n_clusters": 2, "n_latent": 3, "n_hidden": 8},
        "task": {"mode": "guided"},
    }
    by_codes, by_pca = (
        train_variant(prepared, Variant(**{**SHORT, **guided}), **OPTIONS, guide=guide)[0]
        for guide in (codes, None)
    )
    assert not np.array_equal(by_codes.embeddings[0], by_pca.embeddings[0])
    assert not by_codes.saw_labels


def test_a_seed_whose_guide_failed_fails_alone(prepared, tmp_path):
    codes = results_of(
        prepared,
        tmp_path,
        kind="ae",
        likelihood="gaussian",
        hyperparameters={"n_latent": 2, "n_hidden": 8},
    )["embedding"]
    file = ad.read_h5ad(codes)
    guided = {
        "kind": "gmvae",
        "likelihood": "nb",
        "hyperparameters": {"n_clusters": 2, "n_latent": 3, "n_hidden": 8},
        "task": {"mode": "guided"},
    }
    both = ad.read_h5ad(results_of(prepared, tmp_path, guide=codes, **guided)["embedding"])
    del file.obsm["X_seed3"]
    file.write_h5ad(codes.with_name("guide.h5ad"))
    paths = results_of(prepared, tmp_path, guide=codes.with_name("guide.h5ad"), **guided)
    assert [status for status, _ in statuses(paths)] == ["failed", "ok"]
    assert "guides it has no codes of this seed" in statuses(paths)[0][1]
    alone = ad.read_h5ad(paths["embedding"])
    assert "X_seed3" not in alone.obsm
    np.testing.assert_array_equal(alone.obsm["X_seed7"], both.obsm["X_seed7"])
    assert set(pd.read_parquet(paths["history"]).replica) == {7}
    quality = pd.read_csv(paths["quality"], sep="\t", keep_default_na=False)
    assert set(quality[quality.seed == 3].status) == {"failed"}
    assert load_file(paths["weights"])["trunk.0.weight"].shape[0] == 2
