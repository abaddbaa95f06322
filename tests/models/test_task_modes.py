"""What the task modes promise of every model with an enumerated y: one test file for all of
them.
"""

import pytest
import torch
from sklearn.metrics import adjusted_rand_score
from training_calls import fit, observed_classes

from latentbench.maths.random_streams import RandomStreams, drawing_from
from latentbench.models import MODELS
from latentbench.training.passes import embed_cells
from latentbench.training.replicas import build_replicas

WITH_Y = ("m2", "gmvae", "gmvae_dilokthanakul", "gmvae_dirichlet", "gmvae_conditional", "vade")
# With d explicit the bound is linear in q(y) but for its entropy, as the others' is; the collapsed
# term is tested in test_gmvae_dirichlet.py.
LINEAR_IN_QY = {
    "gmvae_dirichlet": {"dirichlet": "explicit"},
    "gmvae_conditional": {"dirichlet": "explicit"},
}
SEEDS = (0, 1)
MODES = {
    "unsupervised": ({}, {}),
    "supervised": ({}, {}),
    # four or five cells of every class, shown again and again
    "semi_supervised": ({"label_fraction": 0.1}, {"labelled_every": 2}),
}
# A mixture that starts from pretrained codes.
PHASES = {
    "vade": [
        {"name": "pretrain", "term_weights": {"kl_z": 0, "kl_y": 0, "classification": 0}},
        {"name": "cluster"},
    ]
}


def terms_with(model, data, y):
    """The terms of all cells with the classes ``y`` shown (-1: hidden), the noise always the
    same.
    """
    cells = torch.arange(data.n_obs).expand(2, -1)
    with torch.no_grad(), drawing_from(RandomStreams([0, 1], "z")):
        return model.loss_terms(
            data.minibatch(cells, model.likelihood, y=torch.as_tensor(y).expand(2, data.n_obs))
        )


def bound_with(model, data, y):
    return sum(
        term for name, term in terms_with(model, data, y).items() if name != "classification"
    )


@pytest.mark.parametrize("likelihood", ["gaussian", "nb"])
@pytest.mark.parametrize("kind", WITH_Y)
def test_the_bound_with_y_hidden_is_that_of_every_one_hot_y_weighted_less_the_entropy(
    kind, likelihood, built
):
    """-ELBO(x) = sum_y q(y) [-ELBO(x, y) + log q(y)], -ELBO(x, y) by showing one class after the
    other.
    """
    model, data, _, _ = built(kind, likelihood, **LINEAR_IN_QY.get(kind, {}))
    model.eval()
    of_classes = [terms_with(model, data, k) for k in range(4)]
    log_q = torch.stack([-terms["classification"] for terms in of_classes], -1)
    torch.testing.assert_close(log_q.logsumexp(-1), torch.zeros(2, data.n_obs), rtol=0, atol=1e-5)
    bounds = torch.stack(
        [sum(terms.values()) - terms["classification"] for terms in of_classes], -1
    )
    expected = (torch.exp(log_q) * (bounds + log_q)).sum(-1)
    torch.testing.assert_close(bound_with(model, data, -1), expected, rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize("kind", WITH_Y)
def test_where_a_class_is_shown_the_other_components_may_be_anywhere(kind, built):
    model, data, _, _ = built(kind, "gaussian")
    model.eval()
    before = bound_with(model, data, 2)
    with torch.no_grad():
        for of_each_component in own_parameters(kind, model):
            of_each_component[:, [0, 1, 3]] += 3
    torch.testing.assert_close(bound_with(model, data, 2), before)
    assert not torch.allclose(bound_with(model, data, 1), before, atol=0.1)


def own_parameters(kind, model):
    """Views of parameters that are a component's own, components on axis 1."""
    if kind in ("gmvae", "vade"):
        return [model.component_mean]
    if kind == "m2":
        return [layer.weight[:, -4:] for layer in (model.decoder[0], model.qz_head[0])]
    return [model.components[-1].bias.unflatten(-1, (2, 4, -1))[:, 0, 0]]


@pytest.mark.parametrize("kind", WITH_Y)
def test_a_cell_that_shows_its_class_does_not_change_the_terms_of_the_others(kind, built):
    model, data, _, _ = built(kind, "gaussian")
    model.eval()
    y = torch.full((data.n_obs,), -1)
    hidden = terms_with(model, data, y)
    y[:10] = 1
    partly = terms_with(model, data, y)
    for name in hidden:
        torch.testing.assert_close(partly[name][:, 10:], hidden[name][:, 10:], msg=name)
    assert (hidden["classification"] == 0).all()
    assert (partly["classification"][:, :10] > 0).all()


def trained(kind, data, task, **training):
    sizes = {"n_clusters": 3, "n_latent": 3, "n_hidden": 24}
    if MODELS[kind].covariates != "none":
        sizes["n_covariates"] = len(data.levels)
    model = build_replicas(kind, data.n_vars, likelihood="gaussian", seeds=SEEDS, **sizes)
    observed = observed_classes(data, seeds=SEEDS, n_clusters=3, **task)
    fitted = fit(
        model,
        data,
        seeds=SEEDS,
        observed=observed,
        epochs=30,
        batch_size=48,
        learning_rate=5e-3,
        log_every=30,
        phases=PHASES.get(kind, ()),
        **training,
    )
    probs = embed_cells(fitted.model, data)[1]
    return [each[data.test].argmax(1) for each in probs]


def accuracy(found, data):
    """The mean share of test cells in the cluster that bears their class's number: without labels
    no cluster has a name.
    """
    return sum(float((each == data.labels[data.test]).mean()) for each in found) / len(found)


@pytest.mark.parametrize("kind", WITH_Y)
def test_labels_give_the_components_their_names(kind, training_data):
    data = training_data(n_obs=180)
    named = {
        mode: accuracy(trained(kind, data, {"mode": mode, **task}, **training), data)
        for mode, (task, training) in MODES.items()
    }
    assert named["supervised"] == 1
    assert named["semi_supervised"] > 0.95
    assert named["unsupervised"] < 0.8


@pytest.mark.parametrize("kind", WITH_Y)
def test_a_guided_start_finds_separate_groups_in_every_seed(kind, training_data):
    data = training_data(n_obs=180)
    for found in trained(kind, data, {"mode": "guided", "guided_fraction": 0.5}):
        assert adjusted_rand_score(data.labels[data.test], found) == 1
