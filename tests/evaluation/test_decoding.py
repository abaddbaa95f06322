"""What is decoded of every kind of network."""

import json

import numpy as np
import pandas as pd
import pytest
import torch
from anndata import AnnData
from safetensors.numpy import save_file

from latentbench.evaluation.decoding import (
    Sizes,
    decode_network,
    decode_replica,
    read_replica,
    sample_replica,
    two_latents,
)
from latentbench.files.prepared import PreparedFile
from latentbench.models import MODELS
from latentbench.models.declared import factorisation_of
from latentbench.models.interface import (
    AbstractBoundedModel,
    AbstractClusteringModel,
    AbstractGaussianLatentModel,
    AbstractTwoLatentModel,
)
from latentbench.study.variant import Variant
from latentbench.training.replicas import build_replicas

NETWORKS = [kind for kind, entry in MODELS.items() if entry.is_network]
SIZES = Sizes(n_images=4, n_draws=3, n_steps=5, n_dimensions=2, n_codes=20)


@pytest.mark.parametrize("kind", NETWORKS)
def test_every_network_gives_back_images_and_those_with_a_prior_more(kind, built):
    model, data, _, _ = built(kind, "continuous_bernoulli", seeds=(3,))
    arrays = decode_network(model.eval(), data, seed=3, sizes=SIZES)
    assert all(np.isfinite(each).all() for each in arrays.values())
    expected = {"images": (4, 12), "reconstructions": (4, 12)}
    if isinstance(model, AbstractBoundedModel):
        mixture = isinstance(model, AbstractClusteringModel)
        expected |= {
            "samples": (3, 4, 12),
            "cells": (20,),
            "code_means": (20, 3),
            "code_samples": (20, 3),
        }
        expected |= {"heads": (4, 12)} if mixture else {}
    if isinstance(model, AbstractGaussianLatentModel):
        expected |= {"dimensions": (2,), "kl": (2,), "steps": (2, 5), "traversals": (2, 5, 12)}
    assert {name: each.shape for name, each in arrays.items()} == expected


def test_the_images_are_test_images_and_the_same_for_every_network(built, training_data):
    data = training_data("images")
    first, other = (
        decode_network(
            built(kind, "gaussian", seeds=(seed,))[0].eval(), data, seed=seed, sizes=SIZES
        )
        for kind, seed in (("ae", 0), ("vae", 7))
    )
    np.testing.assert_array_equal(first["images"], other["images"])
    tests = {row.tobytes() for row in data.dense()[data.test].numpy()}
    assert all(image.tobytes() in tests for image in first["images"])


def test_a_walk_changes_its_own_dimension_alone_and_starts_from_an_image(built, monkeypatch):
    model, data, _, _ = built("vae", "gaussian", seeds=(3,))
    seen = []
    decode = model.decode
    monkeypatch.setattr(
        model, "decode", lambda z, minibatch: seen.append(z) or decode(z, minibatch)
    )
    arrays = decode_network(model.eval(), data, seed=3, sizes=SIZES)
    z = seen[-1][0, 0].unflatten(0, (2, 5))
    for walk, dimension, steps in zip(z, arrays["dimensions"], arrays["steps"], strict=True):
        np.testing.assert_allclose(walk[:, dimension], steps, rtol=1e-5)
        assert (np.diff(steps) > 0).all()
        others = [j for j in range(3) if j != dimension]
        assert (walk[:, others] == walk[:1, others]).all()
    assert (np.diff(arrays["kl"]) <= 0).all()


def test_rows_of_samples_share_their_noise(built):
    """Components that are the same give the same row, whatever is drawn."""
    model, data, _, _ = built("gmvae_dilokthanakul", "gaussian", seeds=(3,))
    with torch.no_grad():
        last = model.components[-1]
        for parameter in last.parameters():
            parameter.zero_()
    samples = decode_network(model.eval(), data, seed=3, sizes=SIZES)["samples"]
    np.testing.assert_allclose(samples, np.repeat(samples[:, :1], 4, axis=1), rtol=1e-5, atol=1e-6)
    assert samples[:, 0].std(axis=0).max() > 1e-3


def prepared_images(path, training_data, var):
    data = training_data("images")
    adata = AnnData(data.dense().numpy(), obs=data.obs, var=var, obsm={"X_pca": data.pca})
    adata.var["highly_variable"] = True
    adata.write_h5ad(path)
    return path


def trained_files(folder, training_data, outcomes, kind="vae"):
    """Write what a training of seeds with these outcomes leaves of an untrained network, and the
    images; return the arguments of ``read_replica``.
    """
    prepared = prepared_images(
        folder / "prepared.h5ad",
        training_data,
        pd.DataFrame({"row": np.arange(12) // 4, "column": np.arange(12) % 4}),
    )
    options = {"n_latent": 3, "n_hidden": 16} | ({"n_clusters": 4} if kind != "vae" else {})
    stacked = build_replicas(kind, 12, likelihood="gaussian", seeds=list(outcomes), **options)
    save_file(
        {name: tensor.numpy().copy() for name, tensor in stacked.state_dict().items()},
        folder / "weights.safetensors",
    )
    replicas = [{"seed": seed, "status": outcome} for seed, outcome in outcomes.items()]
    (folder / "status.json").write_text(json.dumps({"replicas": replicas}))
    return (
        prepared,
        folder / "weights.safetensors",
        folder / "status.json",
        Variant(kind, "gaussian", options, {}, {}),
    )


def test_the_first_replica_that_ended_ok_is_decoded_with_its_own_weights(tmp_path, training_data):
    files = trained_files(tmp_path, training_data, {5: "diverged", 8: "ok", 9: "ok"})
    arrays = decode_replica(read_replica(*files), PreparedFile(files[0]).image_shape(), sizes=SIZES)
    alone = build_replicas("vae", 12, likelihood="gaussian", seeds=[8], n_latent=3, n_hidden=16)
    expected = decode_network(alone.eval(), training_data("images"), seed=8, sizes=SIZES)
    assert arrays["seed"].tolist() == [8]
    assert arrays["shape"].tolist() == [3, 4]
    for name, values in expected.items():
        np.testing.assert_allclose(arrays[name], values, rtol=1e-5, atol=1e-6)


def test_the_latents_of_the_first_replica_that_ended_ok_are_drawn(tmp_path, training_data):
    files = trained_files(tmp_path, training_data, {5: "failed", 8: "ok"}, kind="gmvae_dirichlet")
    drawn = sample_replica(read_replica(*files), n_codes=7)
    model = build_replicas(
        "gmvae_dirichlet",
        12,
        likelihood="gaussian",
        seeds=[8],
        n_clusters=4,
        n_latent=3,
        n_hidden=16,
    ).eval()
    expected = two_latents(model, training_data("images"), torch.from_numpy(drawn["cells"]), seed=8)
    assert drawn["seed"].tolist() == [8]
    assert drawn["cells"].shape == (7,)
    for name, values in expected.items():
        np.testing.assert_allclose(drawn[name], values, rtol=1e-5, atol=1e-6)


def test_where_no_replica_ended_ok_there_is_none_and_the_log_says_so(
    tmp_path, training_data, caplog
):
    assert read_replica(*trained_files(tmp_path, training_data, {5: "oom", 8: "diverged"})) is None
    assert "no replica of this vae ended ok" in caplog.text


def test_pixels_that_are_no_square_and_say_no_place_are_refused(tmp_path, training_data):
    prepared = prepared_images(
        tmp_path / "prepared.h5ad",
        training_data,
        pd.DataFrame(index=[f"pixel{i}" for i in range(12)]),
    )
    with pytest.raises(ValueError, match=r"12 pixels are no square.*'row' and 'column'"):
        PreparedFile(prepared).image_shape()


@pytest.mark.parametrize("kind", NETWORKS)
def test_a_kind_has_two_latents_exactly_if_it_declares_a_w(kind, built):
    has_w = "w" in factorisation_of(kind).variables
    assert issubclass(MODELS[kind].load(), AbstractTwoLatentModel) == has_w
    if has_w:
        model, data, _, _ = built(kind, "gaussian", seeds=(3,))
        cells = torch.arange(40)
        found = two_latents(model.eval(), data, cells, seed=3)
        assert {name: values.shape for name, values in found.items()} == dict.fromkeys(
            ("mu_w", "w", "mu_z", "z"), (40, 3)
        )
        assert (np.abs(found["w"] - found["mu_w"]).max(axis=0) > 0).all()
        minibatch = data.minibatch(cells[None], model.likelihood, sampled=False)
        np.testing.assert_allclose(
            found["mu_z"], model.embed(minibatch)[0].detach().numpy(), rtol=1e-5, atol=1e-6
        )
        assert not np.allclose(found["mu_w"], found["mu_z"])
