import logging
import os
import signal
import time
from dataclasses import replace

import anndata as ad
import numpy as np
import pandas as pd
import pytest
import torch
from scipy import sparse, stats

from latentbench.files.artefacts import write_table
from latentbench.files.tables import MEANS, PREDICTIONS
from latentbench.logs import logger
from latentbench.maths.distributions import (
    NegativeBinomial,
    Poisson,
    ZeroInflatedNegativeBinomial,
)
from latentbench.maths.random_streams import RandomStreams, drawing_from
from latentbench.prediction import networks
from latentbench.prediction.baselines import baseline_predictions
from latentbench.prediction.metrics import METRICS, Truth, agreement, squared_correlation
from latentbench.prediction.networks import network_predictions
from latentbench.prediction.protocol import held_out_types, questions_of, read_perturbation
from latentbench.prediction.tables import (
    collect_predictions,
    prediction_table,
    rows_without,
)
from latentbench.study.variant import Variant
from latentbench.training.checkpoints import CheckpointFolder

SHORT = {"epochs": 60, "batch_size": 64, "learning_rate": 5e-3}


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    """Counts of four types not far from each other under two conditions: stimulation raises the
    first five genes of every type fourfold.
    """
    rng = np.random.default_rng(0)
    labels, stimulated = np.repeat(["a", "b", "c", "d"], 90), np.tile([False, True], 180)
    rates = (rng.gamma(2, 1, 20) * rng.lognormal(0, 0.3, (4, 20)))[
        np.unique(labels, return_inverse=True)[1]
    ]
    rates[:, :5] *= np.where(stimulated, 4, 1)[:, None]
    counts = rng.poisson(20 * rates).astype(np.int32)
    x = np.log1p(counts * (1e3 / counts.sum(1, keepdims=True))).astype(np.float32)
    obs = pd.DataFrame(
        {"label": labels, "condition": np.where(stimulated, "stim", "ctrl"), "split": "train"},
        index=[f"cell{i}" for i in range(360)],
    )
    obs.loc[obs.index[::5], "split"] = "test"
    adata = ad.AnnData(
        sparse.csr_matrix(x),
        obs=obs,
        var=pd.DataFrame({"highly_variable": True}, index=[f"g{i}" for i in range(20)]),
    )
    adata.layers["counts"], adata.obsm["X_pca"] = sparse.csr_matrix(counts), x[:, :5].copy()
    path = tmp_path_factory.mktemp("prepared") / "prepared.h5ad"
    adata.write_h5ad(path)
    return path


def predict(prepared, variant, seeds=(0, 1)):
    cells = read_perturbation(prepared, control="ctrl", stimulated="stim")
    questions, _ = held_out_types(cells, min_cells=20)
    options = {
        "dataset": "toy",
        "model": "mine",
        "stimulated": "stim",
        "seeds": list(seeds),
        "n_workers": 1,
        "device": "cpu",
    }
    return network_predictions(prepared, cells, questions[:1], variant=variant, **options)[0]


@pytest.mark.parametrize(
    ("kind", "likelihood", "covariates", "hyperparameters"),
    [
        ("cvae", "gaussian_shared", ["condition"], {}),
        ("cvae", "nb", ["condition"], {}),
        ("cvae", "nb", ["condition"], {"prior": "learned"}),
        ("scvi", "nb", ["condition"], {}),
        ("scgen", "gaussian", [], {"n_hidden": 64}),
    ],
)
def test_a_change_that_all_types_share_is_predicted_for_a_type_never_seen_stimulated(
    kind, likelihood, covariates, hyperparameters, prepared
):
    weights = {"term_weights": {"kl_z": 5e-5}} if kind == "scgen" else {}
    variant = Variant(
        kind, likelihood, {"n_latent": 5, **hyperparameters}, {}, {**SHORT, **weights}, covariates
    )
    table = predict(prepared, variant)
    assert set(table["status"]) == {"ok"}
    assert set(table["seed"]) == {0, 1}
    assert set(table["saw_labels"]) == {kind == "scgen"}
    of_metric = table.groupby("metric")["value"].min()
    assert of_metric["r2_change"] > 0.4
    assert of_metric["r2_mean"] > 0.8  # no prediction at all: below it, as the next test shows


def test_the_control_cells_as_they_are_agree_less(prepared):
    cells = read_perturbation(prepared, control="ctrl", stimulated="stim")
    table = baseline_predictions(cells, held_out_types(cells, min_cells=20)[0][:1], dataset="toy")[
        0
    ].set_index(["model", "metric"])["value"]
    assert table["no_prediction", "r2_mean"] < 0.8 < table["mean_shift", "r2_mean"]


def test_a_seed_predicts_the_same_alone_and_among_others(prepared):
    variant = Variant("cvae", "nb", {"n_latent": 2}, {}, {"epochs": 2}, ["condition"])
    among, alone = predict(prepared, variant), predict(prepared, variant, seeds=(1,))
    assert among.loc[among["seed"] == 1, "value"].tolist() == pytest.approx(
        alone["value"].tolist(), abs=1e-6
    )


def test_a_replica_that_diverges_has_typed_rows_and_no_number(prepared):
    table = predict(
        prepared,
        Variant(
            "scgen",
            "gaussian",
            {"n_latent": 2, "n_hidden": 8},
            {},
            {"epochs": 2, "learning_rate": 1e30},
        ),
    )
    assert set(table["status"]) == {"diverged"}
    assert table["value"].isna().all()
    assert table["reason"].str.contains("non-finite").all()


def test_a_kind_that_is_told_no_condition_is_refused(prepared):
    with pytest.raises(
        ValueError, match="VariationalAutoencoder is neither told a condition nor shifted"
    ):
        predict(prepared, Variant("vae", "gaussian", {}, {}, {"epochs": 1}))


def test_a_table_is_read_as_it_was_written(tmp_path):
    parts = [
        prediction_table(rows_without("NA", model, {"rare type": "3 cells"}, ["cell_type"]))
        for model in ("b", "a")
    ]
    written = collect_predictions(parts)
    assert written["model"].tolist() == ["a"] * len(METRICS) + ["b"] * len(METRICS)
    write_table(written, tmp_path / "predictions.tsv")
    pd.testing.assert_frame_equal(
        PREDICTIONS.read(tmp_path / "predictions.tsv"), written, check_dtype=False
    )


def test_where_nothing_is_hidden_one_training_answers_all_and_means_are_those_of_the_cells(
    prepared, monkeypatch
):
    cells = read_perturbation(prepared, control="ctrl", stimulated="stim")
    questions, _ = questions_of(cells, hidden=["nothing"], min_cells=20)
    trained = []
    train = networks._trained
    monkeypatch.setattr(
        networks,
        "_trained",
        lambda variant, data, *rest, **given: (
            trained.append(len(data.train)) or train(variant, data, *rest, **given)
        ),
    )
    variant = Variant("cvae", "gaussian_shared", {"n_latent": 5}, {}, SHORT, ["condition"])
    options = {
        "dataset": "toy",
        "model": "mine",
        "stimulated": "stim",
        "seeds": [0, 1],
        "n_workers": 1,
        "device": "cpu",
    }
    table, means = network_predictions(prepared, cells, questions, variant=variant, **options)
    assert trained == [360]
    assert set(table["hidden"]) == {"nothing"}
    assert set(table["cell_type"]) == {"all cells", "a", "b", "c", "d"}
    assert (
        table.loc[
            (table["cell_type"] == "all cells") & (table["metric"] == "r2_mean"), "value"
        ].min()
        > 0.9
    )
    everyone = means[(means["cell_type"] == "all cells") & (means["seed"] == 0)]
    assert everyone["gene"].tolist() == [f"g{i}" for i in range(20)]
    np.testing.assert_allclose(
        everyone["stimulated"], cells.x[cells.is_stimulated].mean(0), rtol=1e-5
    )
    np.testing.assert_allclose(everyone["control"], cells.x[cells.is_control].mean(0), rtol=1e-5)
    drawn = squared_correlation(
        everyone["predicted"].to_numpy(np.float64), everyone["stimulated"].to_numpy(np.float64)
    )
    told = table[
        (table["cell_type"] == "all cells") & (table["seed"] == 0) & (table["metric"] == "r2_mean")
    ]["value"].iloc[0]
    assert drawn == pytest.approx(told, abs=1e-5)


def test_a_replica_without_a_prediction_has_no_means(prepared):
    cells = read_perturbation(prepared, control="ctrl", stimulated="stim")
    questions, _ = held_out_types(cells, min_cells=20)
    broken = Variant(
        "scgen",
        "gaussian",
        {"n_latent": 2, "n_hidden": 8},
        {},
        {"epochs": 2, "learning_rate": 1e30},
    )
    options = {
        "dataset": "toy",
        "model": "mine",
        "stimulated": "stim",
        "seeds": [0],
        "n_workers": 1,
        "device": "cpu",
    }
    _, means = network_predictions(prepared, cells, questions[:1], variant=broken, **options)
    assert means.empty
    assert list(means.columns) == MEANS.columns


def test_a_prediction_that_is_killed_goes_on_with_the_question_it_was_at_and_leaves_the_same_table(
    prepared, tmp_path, monkeypatch, caplog
):
    """SIGKILL while the second of two questions is trained for: the first is not trained for
    again.
    """
    cells = read_perturbation(prepared, control="ctrl", stimulated="stim")
    questions, _ = held_out_types(cells, min_cells=20)
    variant = Variant(
        "cvae", "nb", {"n_latent": 2}, {}, {"epochs": 60, "batch_size": 16}, ["condition"]
    )
    checkpoints = CheckpointFolder(tmp_path / "checkpoints", "this", every_seconds=0.1)

    def predicted(checkpoints):
        options = {
            "dataset": "toy",
            "model": "mine",
            "stimulated": "stim",
            "seeds": [0, 1],
            "n_workers": 1,
            "device": "cpu",
        }
        return network_predictions(
            prepared, cells, questions[:2], variant=variant, **options, checkpoints=checkpoints
        )

    whole = predicted(None)
    pid = os.fork()
    if pid == 0:
        predicted(checkpoints)
        os._exit(0)
    while len({path.parents[1] for path in checkpoints.path.rglob("0*.safetensors")}) < 2:
        assert os.waitpid(pid, os.WNOHANG) == (0, 0), "it ended before it could be killed"
        time.sleep(0.01)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    first = min(
        checkpoints.path.rglob("0*.safetensors"), key=lambda path: path.stat().st_mtime_ns
    ).parents[1]
    ends = {path: path.stat().st_mtime_ns for path in first.rglob("0*.safetensors")}
    monkeypatch.setattr(logger, "handlers", [logging.FileHandler(tmp_path / "log")])
    caplog.set_level(logging.INFO, logger.name)
    again = predicted(checkpoints)
    assert (tmp_path / "log").read_text().count("resuming from checkpoint") == 2
    assert {path: path.stat().st_mtime_ns for path in first.rglob("0*.safetensors")} == ends
    for one, other in zip(again, whole, strict=True):
        pd.testing.assert_frame_equal(one, other, check_exact=True)


def test_a_checkpoint_of_other_training_cells_is_not_resumed(tmp_path):
    job = CheckpointFolder(tmp_path, "this", every_seconds=60.0)
    part = job.of_part("without the stimulated cells of a")
    part.of((0,)).save({}, {})
    assert part.of((0,)).wants_end(0.1)
    assert not job.of((0,)).wants_end(0.1)
    assert part.of((0,)).load() == ({}, {})
    assert job.of_part("without those of b").of((0,)).load() is None
    assert replace(job, path=part.path).of((0,)).load() is None


def knowing(likelihood, *, theta=2.0, n_cells=800, n_genes=200):
    """Control and stimulated counts of one type, and a draw of a model that knows how the
    stimulated ones came to be, but that takes them for ``likelihood``.
    """
    rng = np.random.default_rng(0)
    rates = rng.lognormal(0, 1, n_genes)
    means = [rates, rates * rng.lognormal(0, 0.12, n_genes)]
    pi = 0.3 if likelihood is ZeroInflatedNegativeBinomial else 0.0
    control, stimulated = (
        stats.nbinom.rvs(theta, theta / (theta + mean), size=(n_cells, n_genes), random_state=rng)
        * (rng.random((n_cells, n_genes)) >= pi)
        for mean in means
    )
    logits = torch.from_numpy(np.log(means[1])).float().expand(1, n_cells, -1)
    library_size = torch.full((1, n_cells, 1), float(means[1].sum()))
    nb = NegativeBinomial(logits, library_size, torch.full((1, 1, n_genes), np.log(theta)))
    px = {
        Poisson: Poisson(logits, library_size),
        NegativeBinomial: nb,
        ZeroInflatedNegativeBinomial: ZeroInflatedNegativeBinomial(
            nb, torch.full_like(logits, float(np.log(0.3 / 0.7)))
        ),
    }[likelihood]
    with drawing_from(RandomStreams([0], "prediction")):
        drawn = px.sample()[0].numpy()
    truth = Truth(*(np.log1p(each).astype(np.float32) for each in (control, stimulated)))
    return agreement(np.log1p(drawn), truth)


@pytest.mark.parametrize("likelihood", [NegativeBinomial, ZeroInflatedNegativeBinomial])
def test_a_model_that_knows_mean_dispersion_and_zeros_predicts_all_but_the_noise(likelihood):
    found = knowing(likelihood)
    assert found["r2_change"] > 0.65
    assert found["r2_variance"] > 0.97
    assert found["zeros_error"] < 0.02
    assert found["variance_error"] < 0.1


def test_poisson_draws_of_overdispersed_counts_show_in_every_check():
    right, wrong = knowing(NegativeBinomial), knowing(Poisson)
    assert wrong["r2_change"] < right["r2_change"] - 0.2
    assert wrong["r2_variance"] < right["r2_variance"] - 0.3
    assert wrong["zeros_error"] > 3 * right["zeros_error"]
    assert wrong["variance_error"] > 5 * right["variance_error"]
    assert wrong["energy_distance"] > 2 * right["energy_distance"]


def test_a_prediction_is_drawn_from_the_models_own_likelihood(prepared, monkeypatch):
    """Every drawn count comes from the ``sample`` of what the model says."""
    drawn = []
    sample = NegativeBinomial.sample
    monkeypatch.setattr(
        NegativeBinomial, "sample", lambda px: drawn.append(px.mean.shape) or sample(px)
    )
    predict(prepared, Variant("cvae", "nb", {"n_latent": 2}, {}, {"epochs": 1}, ["condition"]))
    assert drawn == [(2, 45, 20)]
