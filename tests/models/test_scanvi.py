import math

import torch
from torch.distributions import Categorical
from torch.distributions import Normal as TorchNormal
from torch.distributions import kl_divergence as torch_kl
from training_calls import fit, observed_classes

from latentbench.maths.random_streams import RandomStreams, drawing_from
from latentbench.training.passes import embed_cells
from latentbench.training.replicas import build_replicas


def as_torch(normal, k):
    return TorchNormal(normal.mean[:, k], torch.exp(0.5 * normal.log_variance[:, k]))


def parts(model, minibatch):
    """z, q(y | z), q(u | z, y) and p(z | u, y) of the noise that ``loss_terms`` takes."""
    with torch.no_grad(), drawing_from(RandomStreams([0, 1], "z")):
        qz = model.posterior(minibatch)
        z = qz.rsample()
        qu = model.posterior_of_u(z)
        return qz, z, torch.softmax(model.qy(z), -1), qu, model.pz(qu.rsample())


def terms_of(model, minibatch):
    with torch.no_grad(), drawing_from(RandomStreams([0, 1], "z")):
        return model.loss_terms(minibatch)


def test_enumerating_y_equals_a_loop_over_the_classes_with_torchs_own_distributions(built):
    model, data, minibatch, _ = built("scanvi", "gaussian")
    model.eval()
    terms, (qz, z, qy, qu, pz) = terms_of(model, minibatch), parts(model, minibatch)
    kl_z = TorchNormal(qz.mean, torch.exp(0.5 * qz.log_variance)).log_prob(z).sum(-1)
    kl_u = torch.zeros(2, data.n_obs)
    for k in range(4):
        kl_z = kl_z - qy[..., k] * as_torch(pz, k).log_prob(z).sum(-1)
        kl_u = kl_u + qy[..., k] * torch_kl(as_torch(qu, k), TorchNormal(0.0, 1.0)).sum(-1)
    kl_y = torch_kl(Categorical(probs=qy), Categorical(probs=torch.full_like(qy, 0.25)))
    with torch.no_grad():
        reconstruction = (
            -TorchNormal(model.decoder(z, minibatch.covariates), 1.0).log_prob(minibatch.x).sum(-1)
        )
    for name, expected in {
        "kl_z": kl_z,
        "kl_u": kl_u,
        "kl_y": kl_y,
        "reconstruction": reconstruction,
    }.items():
        torch.testing.assert_close(terms[name], expected, rtol=1e-4, atol=1e-3, msg=name)
    assert terms["classification"].abs().max() == 0


def test_an_observed_class_leaves_only_its_own_component_and_is_classified(built):
    model, data, minibatch, _ = built("scanvi", "gaussian", y=torch.full((2, 90), 2))
    model.eval()
    terms, (qz, z, qy, qu, pz) = terms_of(model, minibatch), parts(model, minibatch)
    log_qz = TorchNormal(qz.mean, torch.exp(0.5 * qz.log_variance)).log_prob(z).sum(-1)
    torch.testing.assert_close(
        terms["kl_z"], log_qz - as_torch(pz, 2).log_prob(z).sum(-1), rtol=1e-4, atol=1e-3
    )
    torch.testing.assert_close(
        terms["kl_u"],
        torch_kl(as_torch(qu, 2), TorchNormal(0.0, 1.0)).sum(-1),
        rtol=1e-4,
        atol=1e-4,
    )
    torch.testing.assert_close(terms["kl_y"], torch.full((2, data.n_obs), math.log(4)))
    torch.testing.assert_close(
        terms["classification"], -torch.log(qy[..., 2]), rtol=1e-4, atol=1e-5
    )


def test_the_mean_of_the_elbo_is_at_most_the_importance_weighted_bound(built):
    """log 1/n sum w of n samples of (z, u, y enumerated) is on average at least the ELBO (Burda
    2016, theorem 1).
    """
    model, _, minibatch, _ = built("scanvi", "gaussian", seeds=(0,))
    model.eval()
    elbos, log_ws = [], []
    for seed in range(200):
        with torch.no_grad(), drawing_from(RandomStreams([seed], "z")):
            elbos.append(-sum(model.loss_terms(minibatch).values()))
        with torch.no_grad(), drawing_from(RandomStreams([seed], "z")):
            log_ws.append(model.log_weight(minibatch))
    elbo, bound = (
        torch.stack(elbos).mean(),
        (torch.logsumexp(torch.stack(log_ws), 0) - math.log(len(log_ws))).mean(),
    )
    assert elbo < bound


def test_the_classifier_learns_classes_from_a_tenth_of_the_labels(training_data):
    data = training_data("counts", n_obs=300)
    model = build_replicas(
        "scanvi",
        data.n_vars,
        likelihood="nb",
        seeds=[0, 1],
        n_clusters=3,
        n_latent=4,
        n_hidden=32,
        n_covariates=2,
    )
    observed = observed_classes(
        data, seeds=[0, 1], n_clusters=3, mode="semi_supervised", label_fraction=0.1
    )
    fitted = fit(
        model,
        data,
        seeds=[0, 1],
        observed=observed,
        epochs=40,
        batch_size=40,
        learning_rate=5e-3,
        labelled_every=2,
    )
    _, probs = embed_cells(fitted.model, data)
    for of_replica in probs:
        assert (of_replica.argmax(1)[data.test] == data.labels[data.test]).mean() > 0.9
