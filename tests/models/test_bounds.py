"""Bounds on log p(x) of every model that has one: against log p(x) itself where it can be had, and
in their order where it cannot.
"""

import math

import pytest
import torch
from torch.distributions import MultivariateNormal
from training_calls import fit, observed_classes

from latentbench.maths.random_streams import RandomStreams, drawing_from
from latentbench.models import MODELS
from latentbench.models.interface import (
    AbstractBoundedModel,
    AbstractGaussianLatentModel,
    Minibatch,
)
from latentbench.training.replicas import build_replicas

UNBOUNDED = {"linear_ae", "ae", "dec", "idec", "n2d", "scdeepcluster"}
BOUNDED = [kind for kind, entry in MODELS.items() if entry.is_network and kind not in UNBOUNDED]
ONE_CODE = {"vae", "cvae", "vamp", "scvi", "ldvae", "scgen"}
"""Kinds without a class: the mean of log w is the ELBO."""
PARTS_OF_Q = ("encoder", "qz_head", "qu")
"""Networks whose last layer gives q(z | .), q(w | .) or q(u | .)."""
CASES = [
    ("vae", {}),
    ("cvae", {"prior": "fixed"}),
    ("cvae", {"prior": "learned"}),
    ("scvi", {"encode_covariates": True}),
    ("ldvae", {}),
    ("scgen", {}),
    ("vamp", {}),
    ("m2", {}),
    ("gmvae", {}),
    ("vade", {}),
    ("gmvae_dilokthanakul", {}),
    ("gmvae_dirichlet", {"dirichlet": "collapsed", "qy": "zx"}),
    ("gmvae_dirichlet", {"dirichlet": "explicit"}),
    ("gmvae_conditional", {"w_prior": "standard"}),
    ("gmvae_conditional", {"w_prior": "learned", "dirichlet": "explicit"}),
    ("scanvi", {}),
]
NAMES = ["-".join([kind, *map(str, options.values())]) for kind, options in CASES]

N_VARS, N_CELLS, N_CLUSTERS, N_COPIES = 6, 8, 3, 20_000


def test_the_kinds_with_a_prior_over_their_codes_are_those_with_a_bound():
    assert {
        kind
        for kind in MODELS
        if MODELS[kind].is_network and issubclass(MODELS[kind].load(), AbstractBoundedModel)
    } == set(BOUNDED)
    assert {kind for kind, _ in CASES} == set(BOUNDED)
    assert {
        kind for kind in BOUNDED if not issubclass(MODELS[kind].load(), AbstractGaussianLatentModel)
    } == {"vamp", "scanvi"}


def linear_model(kind, options):
    """A model whose decoder is linear, its likelihood N(f(z), 1), its parameters random; q is wide,
    so that few draws are enough whatever p(z | x) is.
    """
    needs = MODELS[kind]
    given = {"n_latent": 1 if kind.startswith("gmvae_") else 2, **options}
    given |= (
        {"n_hidden": ()}
        if kind == "vade"
        else {"n_hidden": 4} | ({} if kind == "ldvae" else {"n_layers": 0})
    )
    given |= {"n_clusters": N_CLUSTERS} if "n_clusters" in needs.needs else {}
    given |= {"n_covariates": 2} if needs.covariates != "none" else {}
    model = build_replicas(kind, N_VARS, likelihood="gaussian", seeds=[0], **given).eval()
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.2 * torch.randn(parameter.shape, generator=generator))
        model.decoder[-1].weight.mul_(0.5)
        if kind == "scanvi":
            model.pz_net[-1].weight[:, : given["n_latent"], given["n_latent"] :] = (
                0  # p(z | u, y) of a variance that does not depend on u
            )
        for part in (part for name, part in model.named_children() if name in PARTS_OF_Q):
            layer = part[-1] if isinstance(part, torch.nn.Sequential) else part
            layer.weight.mul_(0.2)
            for parameter, value in ((layer.weight, 0.0), (layer.bias, 0.7)):
                for log_variance in parameter.unflatten(-1, (-1, given["n_latent"])).unbind(-2)[
                    1::2
                ]:
                    log_variance.fill_(value)
    return model


def cells():
    """Cells under two conditions, as a minibatch with each of them many times over, and x and
    covariates once.
    """
    x = 0.7 * torch.randn(N_CELLS, N_VARS, generator=torch.Generator().manual_seed(2))
    covariates = torch.nn.functional.one_hot(torch.arange(N_CELLS) % 2, 2).float()
    many = [each.repeat(N_COPIES, 1)[None] for each in (x, covariates)]
    minibatch = Minibatch(
        many[0],
        many[0],
        torch.ones(1, N_COPIES * N_CELLS, 1),
        torch.full((1, N_COPIES * N_CELLS), -1),
        many[1],
    )
    return minibatch, x.double(), covariates


def prior_of_z(kind, model, covariates):
    """p(z | c) as a mixture: log weights (cells, k), means (cells, k, latent), covariances (cells,
    k, latent, latent).
    """
    n_latent = model.decoder[-1].weight.shape[1] - (N_CLUSTERS if kind == "m2" else 0)
    weights = torch.full((1, 1), 0.0)
    means, variances = torch.zeros(1, 1, n_latent), torch.ones(1, 1, n_latent)
    if kind == "cvae" and model.prior:
        pz = model.pz(covariates[None])
        means, variances = pz.mean.transpose(0, 1), pz.log_variance.exp().transpose(0, 1)
    elif kind == "vamp":
        means, log_variances = model.encoder(model.pseudo_inputs).chunk(2, dim=-1)
        variances = log_variances.exp()
    elif kind == "m2":
        means, variances = means.expand(1, N_CLUSTERS, -1), variances.expand(1, N_CLUSTERS, -1)
    elif kind == "gmvae":
        means, variances = (
            model.component_mean[:, :, 0],
            model.component_log_variance[:, :, 0].exp(),
        )
    elif kind == "vade":
        weights, means, variances = (
            model.log_pi[:, 0],
            model.components.mean[:, :, 0],
            model.components.log_variance[:, :, 0].exp(),
        )
        return (
            weights.expand(N_CELLS, -1),
            means.expand(N_CELLS, -1, -1),
            torch.diag_embed(variances).expand(N_CELLS, -1, -1, -1),
        )
    elif kind == "scanvi":
        from_u, from_y, offset = (
            *model.pz_net[-1].weight[0, :, :n_latent].split([n_latent, N_CLUSTERS]),
            model.pz_net[-1].bias[0, :, :n_latent],
        )
        variance = model.pz_net(
            torch.cat([torch.zeros(N_CLUSTERS, n_latent), torch.eye(N_CLUSTERS)], -1)[None]
        )[0, :, n_latent:].exp()
        covariances = from_u.T @ from_u + torch.diag_embed(variance)
        return (
            torch.full((N_CELLS, N_CLUSTERS), -math.log(N_CLUSTERS)),
            (from_y + offset).expand(N_CELLS, -1, -1),
            covariances.expand(N_CELLS, -1, -1, -1),
        )
    elif kind.startswith("gmvae_"):
        return prior_over_a_grid_of_w(kind, model, covariates)
    weights = torch.full((N_CELLS, means.shape[1]), -math.log(means.shape[1]))
    return (
        weights,
        means.expand(N_CELLS, -1, -1),
        torch.diag_embed(variances).expand(N_CELLS, -1, -1, -1),
    )


def prior_over_a_grid_of_w(kind, model, covariates, n_points=241):
    """p(z | c) of a model with one dimension of z and of w: the integral over w as a sum over a
    fine grid.
    """
    grid = torch.linspace(-8, 8, n_points)[:, None]
    weights, means, variances = [], [], []
    for c in covariates:
        given = (c.expand(n_points, -1)[None],) if kind == "gmvae_conditional" else ()
        pz = model.pz(grid[None], *given)
        pw = torch.distributions.Normal(0.0, 1.0)
        if kind == "gmvae_conditional" and model.prior:
            learned = model.pw(c[None, None])
            pw = torch.distributions.Normal(
                learned.mean[0], torch.exp(0.5 * learned.log_variance[0])
            )
        log_weight = pw.log_prob(grid)[:, 0] + math.log(16 / (n_points - 1)) - math.log(N_CLUSTERS)
        weights.append(log_weight.repeat(N_CLUSTERS))
        means.append(pz.mean[0].flatten(0, 1))
        variances.append(pz.log_variance[0].exp().flatten(0, 1))
    return torch.stack(weights), torch.stack(means), torch.diag_embed(torch.stack(variances))


def exact_log_px(kind, model, x, covariates):
    """log sum_k pi_k N(x; m_k W + b_k, W' S_k W + I) of every cell."""
    weights, means, covariances = (each.double() for each in prior_of_z(kind, model, covariates))
    last = model.decoder[-1]
    weight, offset = last.weight[0].double(), last.bias[0].double()
    if last.covariate_weight is not None:
        offset = offset + (covariates.double() @ last.covariate_weight[0].double())[:, None]
    if kind == "m2":
        weight, of_class = weight[:-N_CLUSTERS], weight[-N_CLUSTERS:]
        offset = offset + of_class
    px = MultivariateNormal(
        means @ weight + offset,
        weight.T @ covariances @ weight + torch.eye(N_VARS, dtype=torch.float64),
    )
    return torch.logsumexp(weights + px.log_prob(x[:, None]), -1)


@pytest.mark.parametrize(("kind", "options"), CASES, ids=NAMES)
@torch.no_grad()
def test_the_mean_of_the_weights_is_p_of_x_where_it_can_be_written_down(kind, options):
    """A linear decoder and Gaussian noise make x Gaussian given the classes: probabilistic PCA
    (Tipping and Bishop 1999), or a mixture of them.
    """
    model = linear_model(kind, options)
    minibatch, x, covariates = cells()
    with drawing_from(RandomStreams([0], "test")):
        weights = torch.exp(model.log_weight(minibatch).double().view(N_COPIES, N_CELLS))
    exact = exact_log_px(kind, model, x, covariates)
    relative = weights / torch.exp(exact)
    error = relative.std(0) / math.sqrt(N_COPIES)
    assert error.max() < 0.1, "too few draws to tell"
    assert ((relative.mean(0) - 1).abs() < 4 * error).all()
    assert abs(float((relative.mean(0) - 1).mean())) < 0.02


@pytest.mark.parametrize(("kind", "options"), CASES, ids=NAMES)
def test_the_elbo_is_below_the_bound_of_a_few_draws_and_that_below_the_bound_of_many(
    kind, options, training_data
):
    """On a model that has been trained a little; the draws of each bound are its own."""
    likelihood, seeds = (
        "nb" if kind in ("scvi", "scanvi", "gmvae_dirichlet") else "gaussian",
        (
            0,
            1,
        ),
    )
    data = training_data("counts" if likelihood == "nb" else "real")
    given = {"n_hidden": 16, "n_latent": 3, **options}
    given |= {"n_clusters": 3} if "n_clusters" in MODELS[kind].needs else {}
    given |= {"n_covariates": 2} if MODELS[kind].covariates != "none" else {}
    untrained = build_replicas(kind, data.n_vars, likelihood=likelihood, seeds=seeds, **given)
    observed = observed_classes(data, seeds=seeds, n_clusters=given.get("n_clusters"))
    model = fit(
        untrained,
        data,
        seeds=seeds,
        observed=observed,
        epochs=20,
        batch_size=36,
        learning_rate=3e-3,
        log_every=20,
    ).model.eval()

    def draws(compute, n, purpose):
        minibatch = data.minibatch(data.test.repeat(n).expand(2, -1), model.likelihood)
        with torch.no_grad(), drawing_from(RandomStreams(seeds, purpose)):
            return compute(minibatch).view(2, n, len(data.test))

    def bound(k, n):
        log_w = draws(model.log_weight, k * n, f"bound of {k}").view(2, n, k, -1)
        return (torch.logsumexp(log_w, 2) - math.log(k)).mean((1, 2))

    elbo = draws(lambda minibatch: -sum(model.loss_terms(minibatch).values()), 200, "elbo").mean(
        (1, 2)
    )
    one = bound(1, 400)
    if kind in ONE_CODE:
        torch.testing.assert_close(elbo, one, rtol=5e-3, atol=0.1)
    else:
        assert (elbo < one + 0.1).all(), "a class summed out can only raise the bound"
    few, many = bound(8, 40), bound(80, 20)
    assert (elbo < few).all()
    assert (few < many).all()


@pytest.mark.parametrize(
    ("kind", "options"),
    [case for case in CASES if case[0] not in ("vamp", "scanvi")],
    ids=lambda each: str(each),
)
def test_what_the_dimensions_add_to_kl_z_sums_to_it(kind, options, built):
    model, data, minibatch, _ = built(kind, "gaussian", **options)
    model.eval()
    with torch.no_grad():
        with drawing_from(RandomStreams([0, 1], "z")):
            terms = model.loss_terms(minibatch)
        with drawing_from(RandomStreams([0, 1], "z")):
            each = model.kl_z_of_each_dimension(minibatch)
    assert each.shape == (2, data.n_obs, 3)
    assert each.min() > -1e-4
    torch.testing.assert_close(each.sum(-1), terms["kl_z"], rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("kind", BOUNDED)
def test_an_observed_class_changes_no_weight(kind, built):
    weights = []
    for y in (-1, 2):
        model, _, minibatch, _ = built(kind, "gaussian", y=torch.full((2, 90), y))
        with torch.no_grad(), drawing_from(RandomStreams([0, 1], "z")):
            weights.append(model.eval().log_weight(minibatch))
    assert torch.equal(*weights)
