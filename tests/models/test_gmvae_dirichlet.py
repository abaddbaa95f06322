import math
from dataclasses import replace

import pytest
import torch
from torch.distributions import Categorical, Dirichlet
from torch.distributions import Normal as TorchNormal
from torch.distributions import kl_divergence as torch_kl

from latentbench.kernels.sparse_rows import SparseCells
from latentbench.maths.random_streams import RandomStreams, drawing_from
from latentbench.models.dirichlet import dirichlet_terms, log_beta_ratio
from latentbench.models.interface import ClassPosterior


def collapsed_dirichlet(q, alpha):
    """C_alpha(q), equation (4)."""
    return torch.xlogy(q, q).sum(-1) - log_beta_ratio(q, alpha)


def y_and_d_terms(q, g, alpha):
    """KL(q(y) || p(y | d)) + KL(Dir(g) || Dir(alpha)), with E[log d] in closed form."""
    expected_log_d = torch.digamma(g) - torch.digamma(g.sum(-1, keepdim=True))
    return (torch.xlogy(q, q) - q * expected_log_d).sum(-1) + torch_kl(
        Dirichlet(g), Dirichlet(torch.full_like(g, alpha))
    )


@pytest.mark.parametrize("alpha", [0.1, 0.5, 1.0, 3.0])
def test_the_collapsed_term_is_the_minimum_over_g_and_is_reached_at_alpha_plus_q(alpha):
    generator = torch.Generator().manual_seed(0)
    q = torch.softmax(2 * torch.randn(20, 6, dtype=torch.float64, generator=generator), -1)
    collapsed = collapsed_dirichlet(q, alpha)
    torch.testing.assert_close(y_and_d_terms(q, alpha + q, alpha), collapsed)
    for _ in range(50):
        g = torch.exp(torch.randn(20, 6, dtype=torch.float64, generator=generator))
        assert (y_and_d_terms(q, g, alpha) >= collapsed - 1e-12).all()


@pytest.mark.parametrize("alpha", [0.1, 1.0, 5.0])
@pytest.mark.parametrize("n_clusters", [2, 7, 10, 20])
def test_at_a_one_hot_posterior_the_term_is_log_k_whatever_alpha(alpha, n_clusters):
    onehot = torch.eye(n_clusters, dtype=torch.float64)
    torch.testing.assert_close(
        collapsed_dirichlet(onehot, alpha),
        torch.full((n_clusters,), math.log(n_clusters), dtype=torch.float64),
    )


def test_at_alpha_one_and_ten_components_the_uniform_posterior_costs_half_a_nat():
    uniform = torch.full((10,), 0.1, dtype=torch.float64)
    assert collapsed_dirichlet(uniform, 1.0).item() == pytest.approx(0.499, abs=5e-4)


@pytest.mark.parametrize(("n_clusters", "flip"), [(10, 0.233), (7, 0.247), (20, 0.207)])
def test_below_the_stated_alpha_the_bound_prefers_one_hot_posteriors(n_clusters, flip):
    uniform = torch.full((n_clusters,), 1 / n_clusters, dtype=torch.float64)
    assert collapsed_dirichlet(uniform, flip + 2e-3).item() < math.log(n_clusters)
    assert collapsed_dirichlet(uniform, flip - 2e-3).item() > math.log(n_clusters)


def test_the_term_is_at_least_the_divergence_from_uniform():
    q = torch.softmax(
        3 * torch.randn(200, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(1)), -1
    )
    uniform = Categorical(probs=torch.full_like(q, 0.2))
    for alpha in (0.1, 1.0, 10.0):
        assert (
            collapsed_dirichlet(q, alpha) >= torch_kl(Categorical(probs=q), uniform) - 1e-12
        ).all()


def test_the_explicit_terms_are_at_least_the_collapsed_one(built):
    model, _, minibatch, streams = built(
        "gmvae_dirichlet", "gaussian", dirichlet="explicit", alpha=0.5
    )
    model.eval()
    with torch.no_grad(), drawing_from(streams):
        z = model.posteriors(minibatch)[0].rsample()
        qy = ClassPosterior(model.qy(z), minibatch.y)
        terms = dirichlet_terms(qy, model.alpha, model.concentrations(z))
    assert (terms["kl_y"] + terms["kl_d"] >= collapsed_dirichlet(qy.weights, 0.5) - 1e-4).all()


def test_every_term_equals_a_loop_over_the_components_with_torchs_own_divergences(built):
    model, data, minibatch, _ = built("gmvae_dirichlet", "gaussian", alpha=0.7)
    model.eval()
    with torch.no_grad(), drawing_from(RandomStreams([0, 1], "z")):
        terms = model.loss_terms(minibatch)
    with torch.no_grad(), drawing_from(RandomStreams([0, 1], "z")):
        qz, qw = model.posteriors(minibatch)
        z, w = qz.rsample(), qw.rsample()
        q = torch.softmax(model.qy(z), -1)
        means, log_variances = model.components(w).view(2, data.n_obs, 2, 4, 3).unbind(2)
        kl_z = torch.zeros(2, data.n_obs)
        for k in range(4):
            mean, log_variance = (
                5 * torch.tanh(means[:, :, k] / 5),
                -4 + 5 * torch.tanh((log_variances[:, :, k] + 4) / 5),
            )
            kl_z += q[..., k] * torch_kl(
                as_torch(qz.mean, qz.log_variance), as_torch(mean, log_variance)
            ).sum(-1)
        kl_w = torch_kl(as_torch(qw.mean, qw.log_variance), TorchNormal(0.0, 1.0)).sum(-1)
        reconstruction = -TorchNormal(model.decoder(z), 1.0).log_prob(minibatch.x).sum(-1)
    for name, expected in {
        "kl_z": kl_z,
        "kl_w": kl_w,
        "kl_y": collapsed_dirichlet(q, 0.7),
        "reconstruction": reconstruction,
    }.items():
        torch.testing.assert_close(terms[name], expected, rtol=1e-4, atol=1e-4, msg=name)


def as_torch(mean, log_variance):
    return TorchNormal(mean, torch.exp(0.5 * log_variance))


def test_the_components_of_z_stay_inside_their_clips(built):
    model, _, minibatch, streams = built("gmvae_dirichlet", "gaussian")
    with torch.no_grad(), drawing_from(streams):
        qz, qw = model.posteriors(minibatch)
        pz = model.pz(100 * qw.rsample())
    assert pz.mean.shape == (2, 4, 90, 3)
    for normal in (qz, qw, pz):
        assert normal.mean.abs().max() <= 5
        assert normal.log_variance.min() >= -9
        assert normal.log_variance.max() <= 1


def test_with_qy_of_z_and_x_the_class_is_inferred_from_both_and_sparse_cells_do_as_well(built):
    model, data, minibatch, _ = built("gmvae_dirichlet", "nb", qy="zx")
    model.eval()
    assert isinstance(minibatch.inputs, SparseCells)
    with torch.no_grad():
        z = model.embed(minibatch)
        logits = model.class_logits(z, minibatch)
        torch.testing.assert_close(
            model.class_logits(z, replace(minibatch, inputs=minibatch.inputs.to_dense())),
            logits,
            rtol=1e-4,
            atol=1e-4,
        )
        assert not torch.allclose(model.class_logits(z + 1, minibatch), logits)
        assert not torch.allclose(
            model.class_logits(
                z, data.minibatch(torch.arange(data.n_obs).flip(0).expand(2, -1), model.likelihood)
            ),
            logits,
        )
        torch.testing.assert_close(model.cluster_probs(minibatch), torch.softmax(logits, -1))


def test_with_qy_of_z_and_x_the_terms_are_finite_and_a_gradient_reaches_every_parameter(built):
    model, _, minibatch, streams = built(
        "gmvae_dirichlet", "gaussian", qy="zx", dirichlet="explicit"
    )
    with drawing_from(streams):
        sum(term.sum() for term in model.loss_terms(minibatch).values()).backward()
    for name, parameter in model.named_parameters():
        assert (parameter.grad.abs().flatten(1).sum(1) > 0).all(), name
