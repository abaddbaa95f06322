import inspect
import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy import sparse
from sklearn.decomposition import PCA
from training_calls import fit, observed_classes

from latentbench.files.tables import QUALITY_OF_VARIANT
from latentbench.kernels.sparse_rows import sparse_rows
from latentbench.maths.random_streams import RandomStreams, drawing_from
from latentbench.models import MODELS
from latentbench.models.interface import AbstractBoundedModel
from latentbench.outcomes import Outcome
from latentbench.training.passes import embed_cells
from latentbench.training.quality import (
    MEASURES,
    importance_weighted_bound,
    network_quality,
    reference_quality,
    sampled_cells,
)
from latentbench.training.record import ReplicaReport
from latentbench.training.replicas import build_replicas

NETWORKS = [kind for kind, entry in MODELS.items() if entry.is_network]


def reports(*seeds, **ended):
    return [
        ReplicaReport(
            seed,
            ended.get(f"s{seed}", Outcome.OK),
            "as it went" if f"s{seed}" in ended else "",
            0.0,
            0.0,
            1,
        )
        for seed in seeds
    ]


def quality_of(model, data, ended, **options):
    codes = [
        each if report.status is Outcome.OK else None
        for each, report in zip(embed_cells(model, data)[0], ended, strict=True)
    ]
    return network_quality(
        model, data, ended, codes, **{"importance_samples": 4, "max_obs": 1000} | options
    )


def value(frame, measure, *, split="test", seed=0, part=""):
    (row,) = frame[
        (frame.measure == measure)
        & (frame.split == split)
        & (frame.seed == seed)
        & (frame.part == part)
    ].itertuples()
    assert row.status == "ok", row.reason
    return row.value


def trained(kind, data, *, seeds=(0, 1), likelihood="gaussian", epochs=10, **hyperparameters):
    model = build_replicas(
        kind,
        data.n_vars,
        likelihood=likelihood,
        seeds=seeds,
        n_latent=2,
        n_hidden=16,
        **hyperparameters,
    )
    return fit(
        model,
        data,
        seeds=seeds,
        observed=observed_classes(data, seeds=seeds, n_clusters=3),
        epochs=epochs,
        batch_size=36,
        learning_rate=3e-3,
    )


@pytest.mark.parametrize("likelihood", ["gaussian", "nb", "bernoulli"])
@pytest.mark.parametrize("kind", NETWORKS)
def test_every_network_has_every_measure_or_says_why_not(kind, likelihood, built):
    model, data, _, _ = built(kind, likelihood)
    frame = quality_of(model, data, reports(0, 1))
    assert tuple(frame) == tuple(QUALITY_OF_VARIANT.columns)
    assert set(frame.measure) == set(MEASURES)
    assert set(frame.status) <= {"ok", "not_applicable"}
    assert not frame.duplicated(["seed", "split", "measure", "part"]).any()
    is_missing = frame.status != "ok"
    assert (frame.value.isna() == is_missing).all()
    assert ((frame.reason != "") == is_missing).all()
    unbounded = {
        "elbo",
        "iw_bound",
        "iw_bound_se",
        "iw_bound_n_obs",
        "kl_per_dimension",
        "active_units",
    }
    expected = {"kl_per_dimension"} if kind in ("vamp", "scanvi") else set()
    assert set(frame[is_missing].measure) == (
        expected if isinstance(model, AbstractBoundedModel) else unbounded
    )


def test_the_elbo_is_minus_the_test_loss_that_the_history_ends_with(training_data):
    data = training_data()
    fitted = trained("gmvae", data, n_clusters=3)
    frame = quality_of(fitted.model, data, fitted.reports)
    last = fitted.history[(fitted.history.epoch == 10) & (fitted.history.split == "test")]
    for seed in (0, 1):
        terms = last[last.replica == seed].set_index("term").value
        assert value(frame, "elbo", seed=seed) == -terms["loss"]
        assert value(frame, "reconstruction", seed=seed) == terms["reconstruction"]
        for name in terms.index.drop("loss"):
            assert value(frame, "loss_term", seed=seed, part=name) == terms[name]
        of_dimensions = sum(
            value(frame, "kl_per_dimension", seed=seed, part=part) for part in ("0", "1")
        )
        assert of_dimensions == pytest.approx(terms["kl_z"], rel=1e-4)


def test_the_importance_weighted_bound_is_a_mean_of_logs_of_means_and_its_error_the_deltas(
    training_data,
):
    data = training_data()
    model = trained("vae", data).model.eval()
    bound, error = importance_weighted_bound(model, data, (0, 1), data.test, n_samples=64)
    minibatch = data.minibatch(data.test.expand(2, -1), model.likelihood)
    with torch.no_grad(), drawing_from(RandomStreams((0, 1), "importance samples")):
        weights = torch.exp(torch.stack([model.log_weight(minibatch) for _ in range(64)]).double())
    torch.testing.assert_close(bound, torch.log(weights.mean(0)).mean(-1))
    variance = weights.var(0) / weights.mean(0).square() / 64
    torch.testing.assert_close(error, variance.sum(-1).sqrt() / len(data.test))


def test_the_standard_error_is_that_of_repeated_estimates(training_data):
    data = training_data()
    model = trained("vae", data, seeds=(0,)).model.eval()
    pairs = [
        importance_weighted_bound(model, data, (seed,), data.test, n_samples=20)
        for seed in range(30)
    ]
    bounds, errors = (torch.cat(each) for each in zip(*pairs, strict=True))
    assert 0.6 < float(errors.mean() / bounds.std()) < 1.4


def test_a_replicas_numbers_are_those_that_it_has_alone(training_data):
    data = training_data("counts")
    both = trained("gmvae", data, likelihood="nb", n_clusters=3).model
    alone = trained("gmvae", data, likelihood="nb", n_clusters=3, seeds=(1,)).model
    stacked = quality_of(both, data, reports(0, 1))
    beside = stacked[stacked.seed == 1].reset_index(drop=True)
    by_itself = quality_of(alone, data, reports(1))
    assert beside.drop(columns="value").equals(by_itself.drop(columns="value"))
    np.testing.assert_allclose(beside.value, by_itself.value, rtol=1e-5)
    diverged = quality_of(both, data, reports(0, 1, s0=Outcome.DIVERGED))
    np.testing.assert_allclose(diverged[diverged.seed == 1].value, by_itself.value, rtol=1e-5)


def test_a_replica_that_did_not_end_ok_has_its_outcome_for_every_measure(training_data):
    data = training_data()
    model = build_replicas(
        "vae", data.n_vars, likelihood="gaussian", seeds=(0, 1), n_latent=2, n_hidden=8
    )
    with torch.no_grad():
        for parameter in model.parameters():
            parameter[0] = math.nan
    frame = quality_of(model, data, reports(0, 1, s0=Outcome.DIVERGED))
    broken = frame[frame.seed == 0]
    assert set(zip(broken.split, broken.measure, strict=True)) == {
        (split, name) for split in ("train", "test") for name in MEASURES
    }
    assert set(broken.status) == {"diverged"}
    assert set(broken.reason) == {"as it went"}
    assert broken.value.isna().all()
    assert (frame[frame.seed == 1].status == "ok").all()
    none_left = quality_of(model, data, reports(0, 1, s0=Outcome.DIVERGED, s1=Outcome.TIMEOUT))
    assert set(none_left[none_left.seed == 1].status) == {"timeout"}
    claimed = quality_of(model, data, reports(0, 1))
    assert set(claimed[(claimed.seed == 0) & (claimed.measure == "elbo")].status) == {"failed"}


def test_a_split_without_cells_is_not_applicable(training_data):
    data = training_data()
    frame = quality_of(
        build_replicas(
            "vae", data.n_vars, likelihood="gaussian", seeds=(0,), n_latent=2, n_hidden=8
        ),
        replace(data, test=data.test[:0]),
        reports(0),
    )
    assert set(frame[frame.split == "test"].reason) == {"the split has no cells"}
    assert set(frame[frame.split == "train"].status) == {"ok"}


def test_the_cells_of_the_bound_are_the_same_draw_every_time_and_counted(training_data):
    data = training_data()
    some = sampled_cells(data.train, 10)
    assert torch.equal(some, sampled_cells(data.train, 10))
    assert set(some.tolist()) < set(data.train.tolist())
    assert not torch.equal(some, data.train[:10])
    assert torch.equal(sampled_cells(data.train, 1000), data.train)
    model = build_replicas(
        "vae", data.n_vars, likelihood="gaussian", seeds=(0,), n_latent=2, n_hidden=8
    )
    assert (
        value(quality_of(model, data, reports(0), max_obs=10), "iw_bound_n_obs", split="train")
        == 10
    )


def test_sparse_counts_have_the_numbers_of_dense_ones(training_data):
    data = training_data("counts")
    few = data.dense() * (torch.arange(data.n_vars) % 6 == 0)
    model = build_replicas(
        "scvi", data.n_vars, likelihood="nb", seeds=(0,), n_latent=2, n_hidden=8, n_covariates=2
    )
    dense, rows = (
        quality_of(model, replace(data, x=x), reports(0))
        for x in (few, sparse_rows(sparse.csr_array(few.numpy())))
    )
    np.testing.assert_allclose(dense.value, rows.value, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("kind", ["vae", "ae", "linear_ae"])
def test_the_latent_measures_are_those_of_the_codes_and_the_error_that_of_the_decoded_codes(
    kind, training_data
):
    data = training_data()
    model = build_replicas(kind, data.n_vars, likelihood="gaussian", seeds=(0,), n_latent=3).eval()
    frame = quality_of(model, data, reports(0))
    codes = embed_cells(model, data)[0][0][data.test]
    for part, variance in enumerate(codes.var(0)):
        assert value(frame, "latent_variance", part=str(part)) == pytest.approx(variance, rel=1e-4)
    with torch.no_grad():
        decoded = model.decoder(torch.from_numpy(codes)[None])[0]
    expected = float((decoded - data.x[data.test]).square().mean())
    assert value(frame, "reconstruction_error") == pytest.approx(expected, rel=1e-4)
    if kind == "vae":
        assert value(frame, "active_units") == (codes.var(0) > 0.01).sum()


def test_a_collapsed_dimension_is_not_active(training_data):
    data = training_data()
    model = build_replicas("vae", data.n_vars, likelihood="gaussian", seeds=(0,), n_latent=3)
    with torch.no_grad():
        model.encoder[-1].weight[..., 1] = 0
    frame = quality_of(model, data, reports(0))
    assert value(frame, "latent_variance", part="1") == pytest.approx(0, abs=1e-9)
    assert value(frame, "active_units") == 2


def test_principal_components_lead_back_to_what_they_keep_and_other_references_do_not(
    training_data,
):
    data = training_data()
    x, train, test = data.x.numpy(), data.train.numpy(), data.test.numpy()
    pca = PCA(4, svd_solver="full").fit(x[train])
    data = replace(data, pca=pca.transform(x).astype(np.float32))
    result = MODELS["pca"].load()(data, seed=0, n_latent=4)
    assert result.of_components
    frame = reference_quality(data, reports(0, 1), [result.embedding] * 2, of_components=True)
    for split, cells in (("train", train), ("test", test)):
        expected = np.square(x[cells] - pca.inverse_transform(pca.transform(x[cells]))).mean()
        assert value(frame, "reconstruction_error", split=split, seed=1) == pytest.approx(
            expected, rel=1e-3
        )
    assert set(frame[frame.status == "not_applicable"].measure) == set(MEASURES) - {
        "reconstruction_error",
        "latent_variance",
    }
    for kind, entry in MODELS.items():
        if entry.is_network or kind in ("embedding", "clustering"):
            continue
        options = {"n_clusters": 3} if "n_clusters" in entry.needs else {}
        other = entry.load()(data, seed=0, **options)
        frame = reference_quality(
            data, reports(0), [other.embedding], of_components=other.of_components
        )
        has_map = kind == "pca" or kind.startswith(("leiden_pca", "kmeans_pca", "gmm_pca"))
        assert set(frame[frame.measure == "reconstruction_error"].status) == {
            "ok" if has_map else "not_applicable"
        }, kind


def test_the_schema_of_the_options_is_the_signature():
    schema = json.loads(
        (Path(__file__).parents[2] / "config/schemas/evaluation.schema.json").read_text()
    )["properties"]["held_out"]["properties"]
    keywords = {
        name: each.default
        for name, each in inspect.signature(network_quality).parameters.items()
        if each.kind is each.KEYWORD_ONLY
    }
    assert {name: entry["default"] for name, entry in schema.items()} == keywords
