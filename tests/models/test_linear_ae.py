from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from scipy.linalg import subspace_angles
from sklearn.datasets import load_digits
from training_calls import fit, observed_classes

from latentbench.maths.random_streams import RandomStreams, drawing_from
from latentbench.training.replicas import build_replicas

VARIANT = yaml.safe_load((Path(__file__).parents[2] / "config/models.yaml").read_text())[
    "linear_ae"
]


@pytest.fixture(scope="module")
def digits(training_data):
    """scikit-learn's digits, of which 11 pixels are constant or nearly so: no full column rank."""
    images = torch.from_numpy((load_digits().data[:900] / 16).astype(np.float32))
    return replace(training_data("images", n_obs=900), x=images)


def principal(data, n_latent):
    """Mean, principal directions and discarded squared singular values of the training cells."""
    train = data.x[data.train].numpy().astype(np.float64)
    _, s, V_t = np.linalg.svd(train - train.mean(0), full_matrices=False)
    return train.mean(0), V_t[:n_latent].T, (s[n_latent:] ** 2).sum()


def squared_error(model, data):
    with torch.no_grad(), drawing_from(RandomStreams([0], "noise")):
        loss = (
            model.loss_terms(data.minibatch(data.train[None], model.likelihood))["reconstruction"]
            .double()
            .sum()
            .item()
        )
    constant = 0.5 * data.n_vars * len(data.train) * np.log(2 * np.pi)
    return 2 * (loss - constant)


def test_the_training_of_the_config_reaches_pca(digits):
    """The recipe of config/models.yaml, on cells without full column rank: the rows of D are
    compared, not the columns of E.
    """
    model = build_replicas(
        "linear_ae", digits.n_vars, likelihood="gaussian", seeds=(0,), **VARIANT["hyperparameters"]
    )
    observed = observed_classes(digits, seeds=(0,), n_clusters=None)
    fitted = fit(
        model, digits, seeds=(0,), observed=observed, **{**VARIANT["training"], "log_every": 1000}
    ).model
    _, V_l, discarded = principal(digits, VARIANT["hyperparameters"]["n_latent"])
    rows = fitted.decoder.weight[0].detach().numpy().astype(np.float64)
    assert np.degrees(subspace_angles(rows.T, V_l).max()) < 1
    assert squared_error(fitted, digits) / discarded - 1 < 1e-4


def test_at_pcas_weights_the_loss_is_what_pca_discards_and_its_gradient_is_zero(digits):
    model = build_replicas(
        "linear_ae", digits.n_vars, likelihood="gaussian", seeds=(0,), n_latent=5
    )
    mean, V_l, discarded = principal(digits, 5)
    set_weights(model, V_l, V_l.T, -mean @ V_l, mean)
    assert squared_error(model, digits) == pytest.approx(discarded, rel=1e-4)
    with drawing_from(RandomStreams([0], "noise")):
        model.loss_terms(digits.minibatch(digits.train[None], model.likelihood))[
            "reconstruction"
        ].mean().backward()
    assert max(parameter.grad.abs().max() for parameter in model.parameters()) < 1e-4


def test_codes_mixed_by_an_invertible_matrix_have_the_same_loss_and_other_weights_a_larger_one(
    digits,
):
    model = build_replicas(
        "linear_ae", digits.n_vars, likelihood="gaussian", seeds=(0,), n_latent=5
    )
    mean, V_l, discarded = principal(digits, 5)
    A = np.random.default_rng(0).standard_normal((5, 5)) + 3 * np.eye(5)
    set_weights(model, V_l @ A, np.linalg.inv(A) @ V_l.T, -mean @ V_l @ A, mean)
    assert squared_error(model, digits) == pytest.approx(discarded, rel=1e-4)
    set_weights(model, V_l @ A, V_l.T, -mean @ V_l @ A, mean)
    assert squared_error(model, digits) > 1.01 * discarded


def test_the_codes_are_an_affine_map(digits):
    model = build_replicas(
        "linear_ae", digits.n_vars, likelihood="gaussian", seeds=(0,), n_latent=5
    )
    mixed = replace(digits, x=digits.x.clone())
    mixed.x[3] = 0.5 * digits.x[0] + 0.2 * digits.x[1] + 0.3 * digits.x[2]
    with torch.no_grad():
        a, b, c, code = model.embed(mixed.minibatch(torch.arange(4)[None], model.likelihood))[0]
    torch.testing.assert_close(code, 0.5 * a + 0.2 * b + 0.3 * c, rtol=1e-4, atol=1e-5)


def set_weights(model, E, D, b, c):
    with torch.no_grad():
        for parameter, value in (
            (model.encoder.weight, E),
            (model.decoder.weight, D),
            (model.encoder.bias, b[None]),
            (model.decoder.bias, c[None]),
        ):
            parameter.copy_(torch.from_numpy(value)[None])
