"""New cells among the groups of a small study whose groups are known."""

import anndata as ad
import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from latentbench.commands.apply import apply, main
from latentbench.files.artefacts import write_h5ad, write_table
from latentbench.files.tables import ANSWER_CELLS, ANSWER_SUMMARY
from latentbench.preprocessing.presets import preprocess
from latentbench.study.variant import Variant
from latentbench.training.results import write_results
from latentbench.training.variant import train_variant

VARIANTS = {
    "pca": Variant("pca", None, {"n_latent": 10}),
    "vae_nb": Variant("vae", "nb", {"n_latent": 4}, training={"epochs": 8, "batch_size": 32}),
    "mine": Variant("embedding", None, {"obsm": "X_mine"}),
}
N_OLD, N_NEW, N_GENES = 240, 60, 90


@pytest.fixture(scope="module")
def cells():
    """Counts of three groups, whose truth is in obs; the last ``N_NEW`` are new to the study."""
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 3, N_OLD + N_NEW)
    mu = 1 + 6 * (labels[:, None] == np.arange(N_GENES) % 3)
    return ad.AnnData(
        sparse.csr_matrix(rng.poisson(mu).astype(np.int32)),
        obs=pd.DataFrame({"truth": labels}, index=[f"cell{i}" for i in range(len(labels))]),
        var=pd.DataFrame(index=[f"gene{i}" for i in range(N_GENES)]),
        obsm={"X_mine": rng.normal(size=(len(labels), 2)).astype(np.float32)},
    )


@pytest.fixture(scope="module", params=["counts_raw", "counts_lenient"])
def prepared(request, cells):
    raw = cells[:N_OLD].copy()
    raw.uns["latentbench"] = {"dataset": "old", "modality": "counts", "source": "made up"}
    return preprocess(
        raw, preset=request.param, options={"n_pcs": 15}, split={"test_fraction": 0.2}
    )


@pytest.fixture(scope="module")
def study(prepared, tmp_path_factory):
    """Return the results folder of a study whose answer is the truth, by its chosen variant."""
    folder = tmp_path_factory.mktemp("study")
    (folder / "data/old").mkdir(parents=True)
    path = folder / "data/old/prepared.h5ad"
    write_h5ad(prepared, path)
    cells = pd.DataFrame(
        {
            "cell": prepared.obs_names,
            "group": prepared.obs["truth"].to_numpy(),
            "certainty": 1.0,
            "runner_up": 0,
        }
    )
    answers = folder / "answers/old"
    write_table(ANSWER_CELLS.typed(cells), answers / "cells.parquet")

    def chosen(model):
        row = {"dataset": "old", "n_cells": N_OLD, "n_groups": 3, "chosen": model, "status": "ok"}
        ANSWER_SUMMARY.write(ANSWER_SUMMARY.frame([row]), answers / "summary.tsv")
        here = folder / f"models/old/{model}"
        if not here.exists():
            names = ("weights.safetensors", "history.parquet", "embedding.h5ad", "status.json")
            paths = {name.split(".")[0]: here / name for name in (*names, "quality.tsv")}
            options = {"seeds": [0], "n_workers": 1, "device": "cpu"}
            trained, data = train_variant(path, VARIANTS[model], **options)
            about = {"dataset": "old", "model": model, "device": "cpu", "log": path}
            write_results(trained, data, variant=VARIANTS[model], **about, **paths)
        return folder

    return chosen


@pytest.fixture
def new(cells, tmp_path):
    path = tmp_path / "new.h5ad"

    def written(genes=slice(None)):
        cells[N_OLD:, genes].write_h5ad(path)
        return path

    return written


@pytest.mark.parametrize("model", ["pca", "vae_nb"])
def test_cells_held_out_of_the_study_get_the_groups_that_they_have(study, new, model):
    found, sentence = apply(study(model), new())
    inside = ~found.obs["latentbench_outside"]
    groups = found.obs.loc[inside, "latentbench_cluster"].astype(int)
    assert inside.mean() > 0.8
    assert (groups == found.obs.loc[inside, "truth"]).mean() > 0.97
    assert found.obs["latentbench_certainty"].between(0, 1 + 1e-9).all()
    assert f"60 cells by {model}" in sentence
    assert found.obsm[f"X_{model}"].shape[0] == N_NEW


def test_old_cells_given_as_new_ones_have_their_own_codes_whatever_the_order_of_genes(
    study, cells, tmp_path
):
    folder = study("pca")
    cells[:50, ::-1].write_h5ad(tmp_path / "again.h5ad")
    found, _ = apply(folder, tmp_path / "again.h5ad")
    stored = ad.read_h5ad(folder / "models/old/pca/embedding.h5ad")
    place = stored.obs_names.get_indexer(found.obs_names)
    expected = stored.obsm["X_seed0"][place]
    np.testing.assert_allclose(found.obsm["X_pca"], expected, atol=2e-2 * np.abs(expected).max())


def test_a_few_missing_genes_are_counted_and_many_are_refused(study, new):
    found, sentence = apply(study("pca"), new(slice(0, 80)))
    assert found.uns["latentbench"]["genes_missing"] == 10
    assert "10 of 90 genes missing" in sentence
    with pytest.raises(ValueError, match=r"60 of the 90 genes .*first: gene30.*20%"):
        apply(study("pca"), new(slice(0, 30)))


def test_codes_that_another_tool_made_are_refused(study, new):
    with pytest.raises(ValueError, match="kind embedding in this study cannot be computed"):
        apply(study("mine"), new())


def test_the_command_writes_the_cells_and_says_what_is_wrong(study, new, capsys, tmp_path):
    path = new()
    assert main([str(study("pca")), str(path)]) == 0
    written = ad.read_h5ad(tmp_path / "new_annotated.h5ad")
    assert list(written.obs["latentbench_cluster"].cat.categories) == ["0", "1", "2"]
    assert "new_annotated.h5ad" in capsys.readouterr().out
    assert main([str(tmp_path), str(path)]) == 2
    assert "no answer of a study lies here" in capsys.readouterr().err
    assert main([str(study("pca")), str(path), "--dataset", "odl"]) == 2
    assert "did you mean 'old'?" in capsys.readouterr().err
