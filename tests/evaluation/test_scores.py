"""Scoring one variant: every planned replica appears, no label reaches a clustering, what is
missing says why.
"""

import anndata
import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score

from latentbench.evaluation.dataset_scores import score_dataset
from latentbench.evaluation.metrics import AGREEMENT
from latentbench.evaluation.resolution import RESOLUTIONS
from latentbench.files.artefacts import write_h5ad
from latentbench.files.clusters import clusters_of
from latentbench.files.tables import SCORES


def test_scores_have_the_contracts_columns_and_every_row_once(study_files, evaluate):
    scores = SCORES.read(evaluate(study_files, "vae")[0])
    assert list(scores.columns) == SCORES.columns
    identity = ["seed", "split", "clustering", "metric"]
    assert scores[scores.duplicated(identity, keep=False)].empty
    expected = {
        (s, p, c, m)
        for s in (0, 1, 2)
        for p in ("train", "test")
        for c in ("kmeans", "leiden")
        for m in [*AGREEMENT, "n_clusters_found"]
    }
    expected |= {
        (s, p, "kmeans", "silhouette_of_clusters") for s in (0, 1, 2) for p in ("train", "test")
    }
    expected |= {
        (s, p, "kmeans", m)
        for s in (0, 1, 2)
        for p in ("train", "test")
        for m in ("agreement_of_seeds", "agreement_with_consensus")
    }
    expected |= {
        (None, p, "consensus", m)
        for p in ("train", "test")
        for m in [*AGREEMENT, "n_clusters_found"]
    }
    expected |= {
        (s, p, "none", m)
        for s in (0, 1, 2)
        for p in ("train", "test")
        for m in ("silhouette", "n_labelled", "n_unlabelled")
    }
    expected |= {(s, p, "none", "elbo") for s in (0, 1) for p in ("train", "test")}
    expected |= {(s, "test", "none", "loss") for s in (0, 1, 2)}
    scores["seed"] = scores["seed"].astype(object).where(scores["seed"].notna(), None)
    assert set(scores[identity].itertuples(index=False, name=None)) == expected


def test_a_replica_that_failed_gives_its_status_for_every_metric(study_files, evaluate):
    scores = SCORES.read(evaluate(study_files, "vae")[0])
    failed = scores[(scores["seed"] == 2) & ~scores["metric"].isin(["n_labelled", "n_unlabelled"])]
    assert set(failed["status"]) == {"diverged"}
    assert set(failed["reason"]) == {"loss is not finite in epoch 1"}
    assert failed["value"].isna().all()
    assert set(scores.loc[scores["seed"] != 2, "status"]) == {"ok"}


def test_the_ari_is_that_of_the_written_clusters(study_files, evaluate):
    score_path, cluster_path = evaluate(study_files, "vae")
    scores, clusters = SCORES.read(score_path), pd.read_parquet(cluster_path)
    obs = anndata.read_h5ad(study_files / "prepared.h5ad").obs
    test = (obs["split"] == "test").to_numpy()
    ari = scores[
        (scores["split"] == "test") & (scores["metric"] == "ari") & (scores["status"] == "ok")
    ]
    assert set(zip(ari["clustering"], ari["seed"].fillna(-1), strict=True)) == {
        ("kmeans", 0),
        ("kmeans", 1),
        ("leiden", 0),
        ("leiden", 1),
        ("consensus", -1),
    }
    for row in ari.itertuples():
        found = clusters_of(clusters, None if pd.isna(row.seed) else int(row.seed), row.clustering)
        assert row.value == pytest.approx(adjusted_rand_score(obs["label"][test], found[test]))
    assert clusters["cell"].tolist() == obs.index.tolist()
    assert clusters["split"].tolist() == obs["split"].tolist()


def test_the_labels_leave_every_byte_of_the_clusters_as_it_was(
    study_files, evaluate, write_prepared
):
    honest = [evaluate(study_files, model)[1].read_bytes() for model in ("vae", "gmvae")]
    scores = [(study_files / model / "scores.tsv").read_bytes() for model in ("vae", "gmvae")]
    labels = anndata.read_h5ad(study_files / "prepared.h5ad").obs["label"]
    for others in (np.random.default_rng(0).permutation(labels.to_numpy(dtype=object)), None):
        write_prepared(study_files / "prepared.h5ad", None if others is None else list(others))
        assert [
            evaluate(study_files, model)[1].read_bytes() for model in ("vae", "gmvae")
        ] == honest
        assert [
            (study_files / model / "scores.tsv").read_bytes() for model in ("vae", "gmvae")
        ] != scores


def test_the_same_input_gives_the_same_bytes(study_files, evaluate):
    first = [path.read_bytes() for path in evaluate(study_files, "vae")]
    assert [path.read_bytes() for path in evaluate(study_files, "vae")] == first


def test_a_model_that_clusters_has_own_clusters_as_its_headline(study_files, evaluate):
    scores = SCORES.read(evaluate(study_files, "gmvae", clusterings=["kmeans"])[0])
    assert set(scores["clustering"]) == {"own", "kmeans", "consensus", "none"}
    assert set(scores.loc[scores["headline"], "clustering"]) == {"own"}
    assert (scores.query("clustering == 'own' and metric == 'ari'")["value"] == 1.0).all()


def test_the_headline_is_made_even_if_the_config_leaves_it_out(
    study_files, evaluate, write_prepared
):
    labels = list(anndata.read_h5ad(study_files / "prepared.h5ad").obs["label"])
    write_prepared(study_files / "prepared.h5ad", labels, n_clusters=None)
    scores = SCORES.read(evaluate(study_files, "vae", clusterings=["kmeans"])[0])
    assert set(scores.loc[scores["headline"], "clustering"]) == {"leiden"}
    assert set(scores.query("clustering == 'kmeans' and seed == 0")["status"]) == {"not_applicable"}


def test_the_loss_is_that_of_the_last_epoch(study_files, evaluate):
    scores = (
        SCORES.read(evaluate(study_files, "vae")[0])
        .query("metric == 'loss' and split == 'test'")
        .set_index("seed")
    )
    assert scores["value"].to_dict() == {0: 4.0, 1: 3.0, 2: pytest.approx(np.nan, nan_ok=True)}
    assert scores.loc[2, "status"] == "diverged"


def test_unlabelled_cells_are_counted_and_no_labels_at_all_are_not_applicable(
    study_files, evaluate, write_prepared
):
    labels = list(anndata.read_h5ad(study_files / "prepared.h5ad").obs["label"])
    write_prepared(study_files / "prepared.h5ad", [np.nan] * 10 + labels[10:])
    scores = SCORES.read(evaluate(study_files, "vae")[0])
    assert scores.query("metric == 'n_unlabelled' and seed == 0").set_index("split")[
        "value"
    ].to_dict() == {"test": 2.0, "train": 8.0}
    assert set(scores.query("metric == 'ari' and seed == 0")["status"]) == {"ok"}
    write_prepared(study_files / "prepared.h5ad", None)
    scores = SCORES.read(evaluate(study_files, "vae")[0]).query("seed == 0")
    assert set(scores.query("metric in ['ari', 'silhouette']")["status"]) == {"not_applicable"}
    assert set(scores.query("metric == 'n_clusters_found'")["status"]) == {"ok"}


def test_a_non_finite_embedding_is_a_typed_failure(study_files, evaluate):
    path = study_files / "vae" / "embedding.h5ad"
    embedding = anndata.read_h5ad(path)
    embedding.obsm["X_seed0"][3, 0] = np.nan
    write_h5ad(embedding, path)
    scores = SCORES.read(evaluate(study_files, "vae")[0]).query("seed == 0")
    assert set(scores.query("metric in ['ari', 'silhouette']")["status"]) == {"failed"}


def test_other_cells_than_the_embeddings_are_refused_by_name(study_files, evaluate, write_prepared):
    write_prepared(study_files / "prepared.h5ad", ["a", "b"] * 60)
    with pytest.raises(
        ValueError, match=r"prepared\.h5ad: its cells are not those of the embedding"
    ):
        evaluate(study_files, "vae")


def test_an_unknown_clustering_is_refused_by_name(study_files, evaluate):
    with pytest.raises(ValueError, match=r"unknown kmean; there are own, merged, kmeans"):
        evaluate(study_files, "vae", clusterings=["kmean"])


def test_a_variant_without_any_good_replica_is_all_status(study_files, evaluate, write_training):
    obs = anndata.read_h5ad(study_files / "prepared.h5ad").obs
    write_training(
        study_files / "lost", {0: ("oom", "out of memory"), 1: ("timeout", "")}, obs, model="lost"
    )
    score_path, cluster_path = evaluate(study_files, "lost")
    scores = SCORES.read(score_path).query("metric == 'ari' and clustering != 'consensus'")
    assert set(zip(scores["seed"], scores["status"], scores["reason"], strict=True)) == {
        (0, "oom", "out of memory"),
        (1, "timeout", "the replica ended timeout"),
    }
    assert list(pd.read_parquet(cluster_path).columns) == ["cell", "split"]


def test_the_oracle_takes_the_resolution_nearest_to_the_training_labels_and_says_it_saw_them(
    study_files, evaluate
):
    score_path, cluster_path = evaluate(study_files, "vae", oracle=True)
    scores, clusters = SCORES.read(score_path), pd.read_parquet(cluster_path)
    obs = anndata.read_h5ad(study_files / "prepared.h5ad").obs
    train = (obs["split"] == "train").to_numpy()
    oracle = scores[
        (scores["clustering"] == "leiden_oracle")
        & (scores["split"] == "test")
        & (scores["metric"] != "resolutions_tried")
    ]
    assert oracle["saw_labels"].all()
    assert not oracle["headline"].any()
    for seed in (0, 1):
        tried = {
            f"leiden@{resolution:g}": clusters_of(clusters, seed, f"leiden@{resolution:g}")
            for resolution in RESOLUTIONS
        }
        shared = {
            name: normalized_mutual_info_score(obs["label"][train], found[train])
            for name, found in tried.items()
        }
        of_seed = oracle[oracle["seed"] == seed].set_index("metric")["value"]
        chosen = f"leiden@{of_seed['resolution']:g}"
        assert shared[chosen] == max(shared.values())
        assert of_seed["ari"] == pytest.approx(
            adjusted_rand_score(obs["label"][~train], tried[chosen][~train])
        )


def test_the_calibration_is_that_of_the_matched_probabilities(study_files, evaluate):
    scores = SCORES.read(evaluate(study_files, "gmvae")[0]).query(
        "metric == 'ece' and split == 'test'"
    )
    # 0.7 sure of what is always right: 0.3 off in the only bin.
    assert scores["value"].tolist() == pytest.approx([0.3, 0.3], abs=1e-6)
    table = (
        pd.read_csv(study_files / "gmvae" / "reliability.tsv", sep="\t")
        .query("split == 'test' and seed == 0")
        .set_index("bin")
    )
    assert (
        table["n_obs"].to_dict() == {each: 48 if each == 6 else 0 for each in range(10)}
        or table["n_obs"][7] == 48
    )
    assert table["accuracy"].dropna().tolist() == [1.0]


def test_what_training_measured_is_carried_over(study_files, evaluate):
    scores = SCORES.read(evaluate(study_files, "vae")[0]).query("metric == 'elbo'")
    assert set(scores["value"]) == {-9.0}
    assert set(scores["clustering"]) == {"none"}


def test_a_failed_replica_has_its_status_in_the_rows_of_the_oracle_and_of_the_loss_too(
    study_files, evaluate, write_training
):
    scores = SCORES.read(evaluate(study_files, "vae", oracle=True)[0]).query(
        "metric == 'ari' and split == 'test'"
    )
    by_seed = scores[scores["clustering"] == "leiden_oracle"].set_index("seed")["status"]
    assert by_seed.to_dict() == {0: "ok", 1: "ok", 2: "diverged"}
    obs = anndata.read_h5ad(study_files / "prepared.h5ad").obs
    write_training(study_files / "lost", {0: ("oom", "out of memory")}, obs, model="lost")
    lost = SCORES.read(evaluate(study_files, "lost", oracle=True)[0])
    assert set(lost.query("metric == 'loss' or clustering == 'leiden_oracle'")["status"]) == {"oom"}
    assert len(lost.query("metric == 'loss'")) == 1


def test_no_labelled_training_cell_means_no_calibration(study_files, evaluate, write_prepared):
    obs = anndata.read_h5ad(study_files / "prepared.h5ad").obs
    write_prepared(
        study_files / "prepared.h5ad",
        [
            label if split == "test" else np.nan
            for label, split in zip(obs["label"], obs["split"], strict=True)
        ],
    )
    errors = SCORES.read(evaluate(study_files, "gmvae")[0]).query("metric == 'ece'")
    assert set(errors["status"]) == {"not_applicable"}


def test_a_data_set_on_which_nothing_runs_has_tables_without_rows(study_files):
    scores, reliability = score_dataset(study_files / "prepared.h5ad", [], [], n_clusters=4)
    assert list(scores.columns) == SCORES.columns
    assert scores.empty
    assert reliability.empty
