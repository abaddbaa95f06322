"""What every kind in the registry promises: one test file for all of them."""

import inspect
from contextlib import nullcontext
from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy import sparse

from latentbench.kernels.log_prob import gradients_only
from latentbench.kernels.sparse_rows import sparse_rows
from latentbench.maths.likelihoods import LIKELIHOODS
from latentbench.maths.random_streams import RandomStreams, drawing_from, standard_normal_like
from latentbench.models import MODELS
from latentbench.models.interface import (
    AbstractBoundedModel,
    AbstractClusteringModel,
    AbstractConditionalModel,
    AbstractModel,
    AbstractShiftModel,
)
from latentbench.study.applicability import FITTING_MODALITIES, layer_of
from latentbench.study.models_schema import task_schema, training_schema

NETWORKS = [kind for kind, entry in MODELS.items() if entry.is_network]
REFERENCES = [kind for kind, entry in MODELS.items() if not entry.is_network]
BOUNDED = [kind for kind in NETWORKS if issubclass(MODELS[kind].load(), AbstractBoundedModel)]


@pytest.mark.parametrize("kind", MODELS)
def test_what_is_read_from_the_source_is_what_the_kind_takes(kind):
    arguments = {
        name: parameter.default
        for name, parameter in inspect.signature(MODELS[kind].load()).parameters.items()
        if parameter.kind is parameter.KEYWORD_ONLY
    }
    stated = MODELS[kind].hyperparameters
    assert set(stated) == set(arguments) - {"likelihood", "seed", "n_covariates"}
    assert ("n_covariates" in arguments) == (MODELS[kind].covariates != "none")
    for name, schema in stated.items():
        assert schema["description"], "what it means is stated at the argument, or shared"
        default = arguments[name]
        default = list(default) if isinstance(default, tuple) else default
        assert schema.get("default", inspect.Parameter.empty) == default


def test_every_option_says_what_it_means():
    for schema in (training_schema(), task_schema()):
        assert [
            key for key, each in schema["properties"].items() if "description" not in each
        ] == []


def test_the_schema_names_every_likelihood():
    assert set(LIKELIHOODS) == set(FITTING_MODALITIES)
    assert {name: likelihood.layer for name, likelihood in LIKELIHOODS.items()} == {
        name: layer_of(name) for name in LIKELIHOODS
    }


@pytest.mark.parametrize("likelihood", LIKELIHOODS)
@pytest.mark.parametrize("kind", NETWORKS)
def test_terms_are_finite_per_cell_and_reach_every_parameter(kind, likelihood, built):
    model, data, minibatch, streams = built(kind, likelihood, y=torch.full((2, 90), -1))
    with drawing_from(streams):
        terms = model.loss_terms(minibatch)
    assert all(
        term.shape == (2, data.n_obs) and torch.isfinite(term).all() for term in terms.values()
    )
    sum(term.sum() for term in terms.values()).backward()
    for name, parameter in model.named_parameters():
        assert parameter.shape[0] == 2, f"{name} has no replicas axis"
        assert parameter.grad is not None, f"no gradient reaches {name}"
        # every replica of every parameter moves
        assert (parameter.grad.abs().flatten(1).sum(1) > 0).all(), f"a zero gradient in {name}"


@pytest.mark.parametrize("kind", NETWORKS)
def test_codes_and_cluster_probs_have_their_shapes_and_rows_sum_to_one(kind, built):
    model, data, minibatch, _ = built(kind, "gaussian")
    model.eval()
    assert isinstance(model, AbstractModel)
    assert model.embed(minibatch).shape == (2, data.n_obs, 3)
    if isinstance(model, AbstractClusteringModel):
        probs = model.cluster_probs(minibatch)
        assert probs.shape == (2, data.n_obs, 4)
        torch.testing.assert_close(probs.sum(-1), torch.ones(2, data.n_obs))


@pytest.mark.parametrize("likelihood", ["gaussian", "nb", "zinb", "poisson"])
@pytest.mark.parametrize("kind", NETWORKS)
def test_sparse_cells_give_the_terms_and_codes_of_dense_ones(kind, likelihood, built):
    """The first layer to read ``minibatch.inputs`` must be a ``Linear`` or an ``MLP``, which take
    both forms.
    """
    model, data, _, _ = built(kind, likelihood, seeds=(0,))
    masked = data.dense() * (torch.arange(data.n_vars) % 6 == 0)
    results = []
    for x in (masked, sparse_rows(sparse.csr_array(masked.numpy()))):
        minibatch = replace(data, x=x).minibatch(torch.arange(data.n_obs)[None], model.likelihood)
        with torch.no_grad(), drawing_from(RandomStreams([0], "noise")):
            results.append((sum(model.loss_terms(minibatch).values()), model.embed(minibatch)))
    torch.testing.assert_close(*results, rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize("likelihood", ["gaussian_shared", "nb", "zinb", "bernoulli"])
@pytest.mark.parametrize(
    "kind", [kind for kind in NETWORKS if MODELS[kind].load().linear_in_log_prob]
)
def test_a_loss_that_is_linear_in_log_prob_has_its_gradient_without_the_value(
    kind, likelihood, built
):
    model, data, _, _ = built(kind, likelihood)
    gradients = []
    for context in (nullcontext(), gradients_only()):
        model.zero_grad()
        with drawing_from(RandomStreams([0, 1], "noise")), context:
            terms = model.loss_terms(
                data.minibatch(torch.arange(data.n_obs).expand(2, -1), model.likelihood)
            )
        torch.autograd.backward(
            [term for term in terms.values() if term.requires_grad],
            [torch.ones_like(term) for term in terms.values() if term.requires_grad],
        )
        gradients.append([parameter.grad for parameter in model.parameters()])
    assert torch.isnan(terms["reconstruction"]).all()
    assert all(torch.equal(one, other) for one, other in zip(*gradients, strict=True))


@pytest.mark.parametrize("kind", NETWORKS)
def test_a_replica_of_a_stack_computes_what_it_computes_alone(kind, built):
    stacked, data, _, _ = built(kind, "gaussian", seeds=(3, 5))
    alone, _, _, _ = built(kind, "gaussian", seeds=(5,))
    results = []
    for model, seeds in ((stacked, [3, 5]), (alone, [5])):
        streams = RandomStreams(seeds, "noise")
        cells = torch.arange(data.n_obs).expand(len(seeds), -1)
        with drawing_from(streams):
            terms = model.loss_terms(data.minibatch(cells, model.likelihood))
        results.append(sum(terms.values())[-1])
    torch.testing.assert_close(*results, rtol=1e-5, atol=1e-4)


@pytest.mark.parametrize("kind", NETWORKS)
def test_the_declared_factorisations_name_x(kind):
    model = MODELS[kind].load()
    assert "p(x|" in model.generative
    assert "x" in model.inference


@pytest.mark.parametrize("kind", NETWORKS)
def test_a_kind_predicts_exactly_if_it_can_be_asked_to(kind, built):
    model, data, minibatch, _ = built(kind, "gaussian")
    assert MODELS[kind].predicts == isinstance(model, AbstractConditionalModel | AbstractShiftModel)
    if isinstance(model, AbstractConditionalModel):
        assert model.eval().predict(minibatch, minibatch.covariates.flip(-1)).mean.shape == (
            2,
            data.n_obs,
            data.n_vars,
        )


def decoded(model, data, seeds):
    """Samples of the codes, the prior's parameters, and what is expected of x at its means: of
    every replica, with noise from its own stream.
    """
    minibatch = data.minibatch(
        torch.arange(data.n_obs).expand(len(seeds), -1), model.eval().likelihood, sampled=False
    )
    with torch.no_grad(), drawing_from(RandomStreams(seeds, "noise")):
        codes = model.sample_codes(minibatch)
        prior = model.prior_of_codes(standard_normal_like(codes), minibatch)
        z = prior.mean.expand(-1, -1, data.n_obs, -1)
        return {
            "codes": codes,
            "mean": prior.mean,
            "log_variance": prior.log_variance,
            "x": model.decode(z, minibatch),
        }


@pytest.mark.parametrize("likelihood", ["gaussian", "nb", "bernoulli"])
@pytest.mark.parametrize("kind", BOUNDED)
def test_codes_can_be_drawn_and_decoded_component_by_component(kind, likelihood, built):
    model, data, minibatch, _ = built(kind, likelihood)
    found = decoded(model, data, [0, 1])
    n_components = found["mean"].shape[1]
    assert n_components == (4 if isinstance(model, AbstractClusteringModel) else 1)
    assert found["codes"].shape == (2, data.n_obs, 3)
    assert found["x"].shape == (2, n_components, data.n_obs, data.n_vars)
    assert all(torch.isfinite(each).all() for each in found.values())
    spread = (found["codes"] - model.embed(minibatch)).std(dim=1)
    assert (spread > 0).all(), "a sample of the posterior is not its mean"


@pytest.mark.parametrize("kind", BOUNDED)
def test_what_a_replica_draws_and_decodes_does_not_depend_on_its_neighbours(kind, built):
    stacked, data, _, _ = built(kind, "gaussian", seeds=(3, 5))
    alone, _, _, _ = built(kind, "gaussian", seeds=(5,))
    both, one = decoded(stacked, data, [3, 5]), decoded(alone, data, [5])
    for name, values in one.items():
        torch.testing.assert_close(both[name][-1], values[-1], rtol=1e-5, atol=1e-4)


@pytest.mark.parametrize("kind", REFERENCES)
def test_a_reference_gives_one_finite_code_a_cell_and_follows_its_seed(kind, training_data):
    data = training_data()
    options = {"embedding": {"obsm": "X_mine"}, "clustering": {"obs": "mine"}}.get(kind, {})
    if "n_clusters" in MODELS[kind].needs:
        options["n_clusters"] = 3
    first, again = (MODELS[kind].load()(data, seed=4, **options) for _ in range(2))
    assert len(first.embedding) == data.n_obs
    assert np.isfinite(first.embedding).all()
    np.testing.assert_array_equal(first.embedding, again.embedding)
    if first.cluster_probs is not None:
        np.testing.assert_allclose(first.cluster_probs.sum(1), 1)
