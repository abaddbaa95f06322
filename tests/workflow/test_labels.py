"""No label reaches a choice: with the labels of a finished study shuffled, all that is made anew is
the same but the scores against them.
"""

import shutil
from dataclasses import replace

import anndata
import numpy as np
import pandas as pd
import pytest

from latentbench.evaluation.metrics import AGREEMENT
from latentbench.evaluation.score_rows import ORACLE
from latentbench.files.artefacts import write_h5ad

OF_LABELS = {*AGREEMENT, "silhouette", "ece", "n_labelled", "n_unlabelled"}
MADE_OF_LABELS = {"true_labels", "shuffled_labels"}
IDENTITY = ["dataset", "model", "seed", "split", "clustering", "metric"]


@pytest.fixture(scope="module")
def shuffled(finished, tmp_path_factory):
    """The finished study with its labels permuted after the split, and everything after that made
    anew.
    """
    folder = tmp_path_factory.mktemp("shuffled") / "study"
    shutil.copytree(finished.folder, folder)
    path = folder / "results/data/blobs/prepared.h5ad"
    prepared = anndata.read_h5ad(path)
    prepared.obs["label"] = pd.Categorical(
        np.random.default_rng(0).permutation(prepared.obs["label"].to_numpy(dtype=object))
    )
    write_h5ad(prepared, path)
    workspace = replace(finished, folder=folder)
    run = workspace.snakemake("results/data/blobs/annotated.h5ad", "results/tables/choices.tsv")
    assert run.returncode == 0, run.stdout + run.stderr
    return workspace


def table(workspace, name):
    return pd.read_parquet(workspace.folder / f"results/tables/{name}.parquet")


@pytest.mark.slow
def test_everything_was_trained_and_clustered_again(finished, shuffled):
    for path in (
        "results/models/blobs/quick_gmvae/embedding.h5ad",
        "results/clusters/blobs/quick_gmvae.parquet",
    ):
        assert (shuffled.folder / path).stat().st_mtime > (finished.folder / path).stat().st_mtime


@pytest.mark.slow
def test_clusters_consensus_and_criteria_are_the_same_bytes(finished, shuffled):
    models = {
        path.stem for path in (finished.folder / "results/clusters/blobs").iterdir()
    } - MADE_OF_LABELS
    assert {"pca", "quick_vae", "quick_gmvae", "consensus"} <= models
    for model in models:
        for path in (
            f"results/clusters/blobs/{model}.parquet",
            f"results/criteria/blobs/{model}.tsv",
        ):
            assert (finished.folder / path).read_bytes() == (shuffled.folder / path).read_bytes(), (
                path
            )


@pytest.mark.slow
def test_the_same_seeds_and_the_same_model_are_picked(finished, shuffled):
    columns = [
        "dataset",
        "level",
        "model",
        "criterion",
        "n_candidates",
        "picked",
        "value",
        "in_force",
    ]
    pd.testing.assert_frame_equal(
        table(finished, "choices")[columns], table(shuffled, "choices")[columns]
    )
    first, second = (
        anndata.read_h5ad(workspace.folder / "results/data/blobs/annotated.h5ad")
        for workspace in (finished, shuffled)
    )
    answers = [each.uns["latentbench"]["answer"] for each in (first, second)]
    assert answers[0]["chosen"] == answers[1]["chosen"]
    for column in [name for name in first.obs if name.endswith(("_cluster", "_consensus"))]:
        assert first.obs[column].tolist() == second.obs[column].tolist(), column


@pytest.mark.slow
def test_no_score_changes_but_those_against_labels_and_these_do(finished, shuffled):
    both = [
        table(workspace, "scores").set_index(IDENTITY).sort_index()
        for workspace in (finished, shuffled)
    ]
    assert both[0].index.equals(both[1].index)
    differs = ~np.isclose(both[0]["value"], both[1]["value"], rtol=0, atol=0, equal_nan=True)
    changed = both[0][differs].reset_index()
    ours = changed[~changed["model"].isin(MADE_OF_LABELS)]
    assert set(ours.loc[ours["clustering"] != ORACLE, "metric"]) <= OF_LABELS
    assert {"ari", "nmi", "acc", "silhouette", "ece"} <= set(ours["metric"])
    assert ORACLE in set(ours["clustering"])
    fallen = both[1].loc[("blobs", "pca", 0, "test", "kmeans", "ari"), "value"]
    assert abs(fallen) < 0.05 < both[0].loc[("blobs", "pca", 0, "test", "kmeans", "ari"), "value"]
