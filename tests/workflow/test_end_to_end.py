import json
import re
import time

import anndata as ad
import numpy as np
import pandas as pd
import pytest
import yaml

from latentbench.files.manifest import artefacts_in, check, read_manifest
from latentbench.files.tables import ANSWER_EVIDENCE
from latentbench.prediction.metrics import METRICS
from latentbench.report.sections.answer import EVIDENCE

OF_BLOBS = {
    "find what the models agree on in blobs",
    "find the groups of blobs, without labels",
    "score the models on blobs against its labels",
}


def before_tables(jobs: set[str]) -> set[str]:
    """The jobs of one data set or of one model on it, up to the scores."""
    return {
        job
        for job in jobs
        if job.split()[0] in ("get", "prepare", "train", "cluster", "find", "score")
    }


def test_a_study_runs_from_another_folder_to_its_report(finished):
    results = finished.folder / "results"
    page = (results / "report/index.html").read_text()
    assert "a tiny study" in page
    assert (results / "notebooks/blobs.html").stat().st_size > 10_000
    scores = pd.read_csv(results / "tables/scores.tsv", sep="\t")
    ari = (
        scores[(scores.metric == "ari") & (scores.split == "test") & scores.headline]
        .groupby("model")
        .value.mean()
    )
    assert ari["true_labels"] == 1
    assert ari["pca"] > 0.95
    assert ari["quick_gmvae"] > 0.9
    assert not (finished.workflow / "results").exists()


def test_a_clustering_of_components_is_scored_where_there_are_any_and_not_applicable_elsewhere(
    finished,
):
    scores = pd.read_csv(finished.folder / "results/tables/scores.tsv", sep="\t")
    merged = scores[
        (scores.clustering == "merged") & (scores.metric == "ari") & (scores.split == "test")
    ].set_index(["model", "seed"])
    assert merged.loc["quick_gmvae", "value"].min() > 0.9
    assert set(merged.loc["quick_vae", "status"]) == {"not_applicable"}


def test_predictions_have_a_row_for_every_method_seed_type_and_metric_and_a_place_in_the_report(
    finished,
):
    results = finished.folder / "results"
    predictions = pd.read_csv(results / "tables/predictions.tsv", sep="\t")
    assert len(predictions) == (5 + 6) * len(METRICS) * (
        2 + 3
    )  # cell types, and these and all cells together; metrics; seeds of the model, baselines
    assert predictions.groupby("hidden")["cell_type"].nunique().to_dict() == {
        "cell_type": 5,
        "nothing": 6,
    }
    assert set(predictions["model"]) == {
        "quick_cvae",
        "no_prediction",
        "mean_shift",
        "pca_arithmetic",
    }
    of_hidden = predictions[
        (predictions["metric"] == "r2_mean") & (predictions["hidden"] == "cell_type")
    ]
    assert of_hidden[of_hidden["model"] == "mean_shift"]["value"].min() > 0.99
    page = (results / "report/index.html").read_text()
    assert 'id="predictions"' in page
    assert not (results / "models/blobs/quick_cvae").exists()


def test_the_scale_is_in_force(finished):
    about = ad.read_h5ad(finished.folder / "results/data/blobs/prepared.h5ad", backed="r").uns[
        "latentbench"
    ]

    assert about["filters"]["cells_not_drawn"] == 500


def test_published_results_stand_beside_those_of_the_study_in_a_table_a_chapter_and_a_page(
    finished,
):
    results = finished.folder / "results"
    table = pd.read_csv(
        results / "tables/published.tsv", sep="\t", keep_default_na=False
    ).set_index("experiment")
    summary = pd.read_csv(results / "tables/summary.tsv", sep="\t").set_index(
        ["model", "clustering", "split", "metric"]
    )

    assert (
        float(table.loc["blobs", "mean"])
        == summary.loc[("quick_gmvae", "own", "test", "ari"), "mean"]
    )
    assert (table.loc["blobs", "standing"], table.loc["blobs", "bar_met"]) == ("above", "yes")
    assert table.loc["predicted", "standing"] == "above"
    assert table.loc["elsewhere", "reason"] == "not part of this study"
    for page in ("chapters/toy.html", "report/results.md"):
        assert f"{float(table.loc['blobs', 'mean']):.3f}" in (results / page).read_text()
    assert (
        "<figcaption>Every seed of every variant on the toy data.</figcaption>"
        in (results / "chapters/toy.html").read_text()
    )


def test_every_seed_has_a_status_and_the_annotated_data_every_embedding(finished):
    results = finished.folder / "results"
    status = json.loads((results / "models/blobs/quick_vae/status.json").read_text())
    assert [(replica["seed"], replica["status"]) for replica in status["replicas"]] == [
        (0, "ok"),
        (1, "ok"),
    ]
    quality = pd.read_csv(results / "models/blobs/quick_vae/quality.tsv", sep="\t")
    assert set(quality[quality.measure == "iw_bound"].status) == {"ok"}
    assert (quality[quality.measure == "iw_bound_n_obs"].value == 200).all()
    annotated = ad.read_h5ad(results / "data/blobs/annotated.h5ad")
    assert {"X_pca", "X_quick_vae", "X_quick_gmvae"} <= set(annotated.obsm)
    assert "quick_gmvae_cluster" in annotated.obs


def test_every_artefact_is_in_the_manifest_and_as_it_was_written(finished):
    results = finished.folder / "results"
    manifest = read_manifest(results / "manifest.tsv")
    assert set(manifest["path"]) == set(artefacts_in(results)), (
        "a rule whose units plan.py does not name, or too many"
    )
    assert list(check(results, manifest)) == []
    assert {path.rsplit(".", 1)[1] for path in manifest["path"]} >= {
        "h5ad",
        "parquet",
        "tsv",
        "json",
        "safetensors",
        "html",
        "svg",
    }


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
    assert before_tables(jobs) == {
        "train quick_vae on blobs",
        "cluster quick_vae on blobs",
        *OF_BLOBS,
    }
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
    assert (
        before_tables(jobs)
        == {
            f"cluster {model} on blobs"
            for model in ("pca", "shuffled_labels", "true_labels", "quick_vae", "quick_gmvae")
        }
        | OF_BLOBS
    )


def test_a_new_hyperparameter_reruns_that_variant_only(finished):
    path = finished.folder / "tiny_models.yaml"
    text = path.read_text()
    try:
        path.write_text(text.replace("epochs: 2", "epochs: 3"))
        assert before_tables(finished.jobs()) == {
            "train quick_vae on blobs",
            "cluster quick_vae on blobs",
            *OF_BLOBS,
        }
    finally:
        path.write_text(text)


def test_another_mirror_reruns_nothing(finished):
    assert finished.jobs("--config", "mirror=elsewhere") == set()


def test_snakemakes_own_report_can_be_made(finished):
    run = finished.snakemake("--report", "report.html")
    assert run.returncode == 0, run.stderr
    assert (finished.folder / "report.html").stat().st_size > 100_000


def test_every_number_that_a_table_of_the_report_sorts_by_is_a_value_of_a_table(finished):
    page = (finished.folder / "results/report/index.html").read_text()
    cell = r'<td class="number[^"]*"[^>]* data-value="([^"]+)"'
    shown = {float(value) for value in re.findall(cell, page)}
    known = [
        pd.read_parquet(path).select_dtypes("number")
        for path in (finished.folder / "results/tables").glob("*.parquet")
    ] + [ANSWER_EVIDENCE.read(EVIDENCE).select_dtypes("number")]
    values = np.unique(
        np.concatenate([frame.to_numpy(dtype=float, na_value=np.nan).ravel() for frame in known])
    )
    assert len(shown) > 30
    scales = np.concatenate([values, 100 * values])  # shares are shown in per cent
    assert [
        value for value in shown if not np.isclose(scales, value, rtol=1e-12, atol=0).any()
    ] == []


def test_the_annotated_data_set_opens_as_viewers_of_cells_want_it(finished):
    """What cellxgene and scanpy's plots ask for: unique names, X as CSR or dense, finite embeddings
    ``X_*`` of two dimensions, categories for groups.
    """
    annotated = ad.read_h5ad(finished.folder / "results/data/blobs/annotated.h5ad")
    assert annotated.obs_names.is_unique
    assert annotated.var_names.is_unique
    assert annotated.X.dtype == np.float32
    for name, codes in annotated.obsm.items():
        assert name.startswith("X_")
        assert codes.ndim == 2
        assert codes.shape[1] >= 2
        assert np.isfinite(codes).all(), name
    groups = [name for name in annotated.obs if name.endswith(("_cluster", "_consensus"))]
    assert {"consensus_cluster", "latentbench_cluster", "quick_vae_consensus"} <= set(groups)
    for name in groups:
        assert isinstance(annotated.obs[name].dtype, pd.CategoricalDtype), name
        assert annotated.obs[name].notna().all()
    assert annotated.obs["latentbench_certainty"].between(0, 1).all()
    assert annotated.uns["latentbench"]["answer"]["chosen"] in {"pca", "quick_vae", "quick_gmvae"}


@pytest.mark.slow
def test_a_study_with_a_failure_writes_all_and_ends_with_an_error_unless_it_is_allowed(
    fresh_workspace,
):
    models = fresh_workspace.folder / "tiny_models.yaml"
    models.write_text(
        models.read_text().replace(
            "likelihood: gaussian, training: {epochs: 2}}",
            "likelihood: gaussian, training: {epochs: 2, learning_rate: 1.0e+30}}",
            1,
        )
    )
    config = fresh_workspace.folder / "tiny.yaml"
    settings = yaml.safe_load(config.read_text())
    settings |= {"models": ["pca", "quick_vae"], "experiments": [], "chapters": []}
    settings |= {"predictions": []}
    config.write_text(yaml.safe_dump(settings))
    run = fresh_workspace.snakemake()
    assert run.returncode != 0
    for part in (
        "2 of 4 replicas did not end ok",
        "blobs, quick_vae, seed 0, 1: diverged",
        "allow_failures: true",
        "--forcerun results/models/blobs/quick_vae",
    ):
        assert part in run.stderr, part
    page = (fresh_workspace.folder / "results/report/index.html").read_text()
    failures = page[page.index('id="failures"') : page.index('id="cost"')]
    assert "diverged" in failures
    assert "The log’s last lines" in failures
    assert not (fresh_workspace.folder / "results/verdict.txt").exists()
    config.write_text(config.read_text().replace("allow_failures: false", "allow_failures: true"))
    again = fresh_workspace.snakemake()
    assert again.returncode == 0, again.stderr
    assert "which the config allows" in (fresh_workspace.folder / "results/verdict.txt").read_text()


def test_every_figure_of_the_study_is_there_in_three_formats_and_not_empty(finished):
    figures = finished.folder / "results/figures"
    names = [
        "thesis/figure_2_2_layers",
        "thesis/figure_4_1_mixtures",
        "blobs/responsibilities",
        "blobs/pca",
        "blobs/means",
        "predictions",
    ]
    for name in names:
        for suffix in (".pdf", ".svg", ".png"):
            assert (figures / f"{name}{suffix}").stat().st_size > 1000, name + suffix


def test_images_are_decoded_markers_ranked_and_second_latents_drawn_where_there_are_some(
    fresh_workspace,
):
    with open(fresh_workspace.folder / "tiny_models.yaml", "a") as sheet:
        sheet.write(
            "\nquick_two: {kind: gmvae_conditional, likelihood: gaussian, covariates: [condition],"
            " training: {epochs: 1}}\n"
        )
    config = fresh_workspace.folder / "tiny.yaml"
    text = config.read_text().replace(
        "datasets: [blobs]", "datasets: [blobs, digits, pbmc68k_reduced]"
    )
    config.write_text(text.replace("quick_vae, quick_gmvae]", "quick_vae, quick_gmvae, quick_two]"))
    jobs = fresh_workspace.jobs()
    decoded = {job for job in jobs if job.startswith("decode images")}
    assert decoded == {
        "decode images of digits by quick_vae",
        "decode images of digits by quick_gmvae",
    }
    assert "rank the marker genes of pbmc68k_reduced" in jobs
    assert {job for job in jobs if job.startswith("draw both latents of blobs under")} == {
        "draw both latents of blobs under quick_two"
    }
    assert "draw both latents of digits" not in jobs
