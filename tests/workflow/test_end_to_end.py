import json
import time

import anndata as ad
import pandas as pd
import pytest

from latentbench.manifest import artefacts_in, check, read_manifest

OF_BLOBS = {"find what the models agree on in blobs", "score the models on blobs against its labels"}


def before_tables(jobs: set[str]) -> set[str]:
    """The jobs of one data set or of one model on it, up to the scores."""
    return {job for job in jobs if job.split()[0] in ("get", "prepare", "train", "cluster", "find", "score")}


def test_a_study_runs_from_another_folder_to_its_report(finished):
    results = finished.folder / "results"
    page = (results / "report/index.html").read_text()
    assert "a tiny study" in page
    assert (results / "notebooks/blobs.html").stat().st_size > 10_000
    scores = pd.read_csv(results / "tables/scores.tsv", sep="\t")
    ari = scores[(scores.metric == "ari") & (scores.split == "test") & scores.headline].groupby("model").value.mean()
    assert ari["true_labels"] == 1
    assert ari["pca"] > 0.95
    assert ari["quick_gmvae"] > 0.9
    assert not (finished.workflow / "results").exists()


def test_predictions_have_a_row_for_every_method_seed_type_and_metric_and_a_place_in_the_report(finished):
    results = finished.folder / "results"
    predictions = pd.read_csv(results / "tables/predictions.tsv", sep="\t")
    assert len(predictions) == 5 * 4 * (2 + 3)  # cell types, metrics; seeds of the model, baselines
    assert set(predictions["model"]) == {"quick_cvae", "no_prediction", "mean_shift", "pca_arithmetic"}
    r2 = predictions[predictions["metric"] == "r2_mean"].groupby("model")["value"].min()
    assert r2["mean_shift"] > 0.99
    page = (results / "report/index.html").read_text()
    assert 'id="predictions"' in page
    assert not (results / "models/blobs/quick_cvae").exists()


def test_every_seed_has_a_status_and_the_annotated_data_every_embedding(finished):
    results = finished.folder / "results"
    status = json.loads((results / "models/blobs/quick_vae/status.json").read_text())
    assert [(replica["seed"], replica["status"]) for replica in status["replicas"]] == [(0, "ok"), (1, "ok")]
    quality = pd.read_csv(results / "models/blobs/quick_vae/quality.tsv", sep="\t")
    assert set(quality[quality.measure == "iw_bound"].status) == {"ok"}
    assert (quality[quality.measure == "iw_bound_n_obs"].value == 200).all()
    annotated = ad.read_h5ad(results / "data/blobs/annotated.h5ad")
    assert {"X_pca", "X_quick_vae", "X_quick_gmvae"} <= set(annotated.obsm)
    assert "quick_gmvae_cluster" in annotated.obs


def test_every_artefact_is_in_the_manifest_and_as_it_was_written(finished):
    results = finished.folder / "results"
    manifest = read_manifest(results / "manifest.tsv")
    assert set(manifest["path"]) == set(artefacts_in(results)), "a rule whose files are not listed in artefacts_of_study, or too many"
    assert list(check(results, manifest)) == []
    assert {path.rsplit(".", 1)[1] for path in manifest["path"]} >= {"h5ad", "parquet", "tsv", "json", "safetensors", "html", "svg"}


def test_a_second_run_has_nothing_to_do(finished):
    assert "Nothing to be done" in finished.snakemake().stderr


def test_touching_a_library_file_reruns_nothing(finished):
    path = finished.workflow / "workflow_scripts/latentbench/models/vae.py"
    path.touch()
    assert finished.jobs() == set()


def test_editing_a_model_reruns_its_training_and_what_follows_and_no_other_model(finished):
    path = finished.workflow / "workflow_scripts/latentbench/models/vae.py"
    text = path.read_text()
    time.sleep(1.1)  # mtimes of a second's resolution
    try:
        path.write_text(text + "\n# an edit\n")
        jobs = finished.jobs()
    finally:
        path.write_text(text)
    assert before_tables(jobs) == {"train quick_vae on blobs", "cluster quick_vae on blobs", *OF_BLOBS}
    assert {"collect the tables of the study and check its controls", "write the report"} <= jobs


def test_editing_a_metric_reruns_the_evaluation_and_no_training(finished):
    path = finished.workflow / "workflow_scripts/latentbench/evaluation/metrics.py"
    text = path.read_text()
    time.sleep(1.1)
    try:
        path.write_text(text + "\n# an edit\n")
        jobs = finished.jobs()
    finally:
        path.write_text(text)
    assert before_tables(jobs) == {f"cluster {model} on blobs" for model in ("pca", "shuffled_labels", "true_labels", "quick_vae", "quick_gmvae")} | OF_BLOBS


def test_a_new_hyperparameter_reruns_that_variant_only(finished):
    path = finished.folder / "tiny_models.yaml"
    text = path.read_text()
    try:
        path.write_text(text.replace("epochs: 2", "epochs: 3"))
        assert before_tables(finished.jobs()) == {"train quick_vae on blobs", "cluster quick_vae on blobs", *OF_BLOBS}
    finally:
        path.write_text(text)


def test_another_mirror_reruns_nothing(finished):
    assert finished.jobs("--config", "mirror=elsewhere") == set()


def test_snakemakes_own_report_can_be_made(finished):
    run = finished.snakemake("--report", "report.html")
    assert run.returncode == 0, run.stderr
    assert (finished.folder / "report.html").stat().st_size > 100_000


@pytest.mark.slow
def test_another_folder_and_one_core_give_the_same_bytes_in_every_table(finished, fresh_workspace):
    targets = [f"results/tables/{name}" for name in ("scores.tsv", "summary.tsv", "answer.tsv", "history.parquet")]
    run = fresh_workspace.snakemake(*targets, cores=1)
    assert run.returncode == 0, run.stderr
    for target in targets:
        assert (finished.folder / target).read_bytes() == (fresh_workspace.folder / target).read_bytes(), target
