"""The loss of scvi-tools' own modules on the weights of this project's models: runs where
scvi-tools is installed.
"""

import numpy as np
import pytest
import torch
from sides.scvi_weights import as_scvi

from latentbench.maths.random_streams import RandomStreams, drawing_from
from latentbench.models.interface import Minibatch
from latentbench.training.replicas import build_replicas

scvi = pytest.importorskip("scvi")
N_OBS, N_VARS, N_LATENT, N_CLASSES = 50, 30, 4, 3


class SameNoise(RandomStreams):
    """Noise that depends on how many numbers are asked for: the same for both sides, whatever the
    shape.
    """

    def __init__(self):
        super().__init__([0], "noise")

    def normal(self, shape):
        return torch.randn(
            int(np.prod(shape)), generator=torch.Generator().manual_seed(int(np.prod(shape)))
        ).view(*shape)


@pytest.fixture(autouse=True)
def same_noise(monkeypatch):
    monkeypatch.setattr(
        torch.distributions.Normal,
        "rsample",
        lambda self, shape=(): self.loc + self.scale * SameNoise().normal(self.loc.shape),
    )


def trained_looking(kind, likelihood, **hyperparameters):
    """A model in eval mode whose every tensor is moved a little at random: batch statistics and
    dispersions too, no mean so small that theirs has a floor.
    """
    sizes = {"n_latent": N_LATENT, "n_hidden": 16, "dropout": 0.0}
    model = build_replicas(
        kind, N_VARS, likelihood=likelihood, seeds=[0], **sizes, **hyperparameters
    ).eval()
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for name, tensor in model.state_dict().items():
            noise = 0.1 * torch.randn(tensor.shape, generator=generator)
            tensor.copy_(
                noise.exp() if name.endswith(("running_variance", "1.weight")) else tensor + noise
            )
    return model


def cells(n_batches):
    rng = np.random.default_rng(0)
    x = torch.from_numpy(rng.negative_binomial(2, 0.3, (N_OBS, N_VARS)).astype(np.float32))
    return x, torch.from_numpy(rng.integers(0, n_batches, (N_OBS, 1)))


def our_loss(model, x, batch, n_batches):
    onehot = (
        torch.nn.functional.one_hot(batch[:, 0], n_batches).float()
        if n_batches > 1
        else torch.zeros(N_OBS, 0)
    )
    minibatch = Minibatch(
        torch.log1p(x)[None],
        x[None],
        x.sum(1, keepdim=True)[None],
        torch.full((1, N_OBS), -1),
        onehot[None],
    )
    with torch.no_grad(), drawing_from(SameNoise()):
        return sum(model.loss_terms(minibatch).values()).mean()


def their_loss(module, model, x, batch):
    weights = {name: tensor[0].numpy() for name, tensor in model.state_dict().items()}
    module.load_state_dict(as_scvi(weights, module.state_dict()))
    tensors = {"X": x, "batch": batch, "labels": torch.zeros(N_OBS, 1)}
    with torch.no_grad():
        return module.eval()(tensors)[2].loss


@pytest.mark.parametrize("likelihood", ["nb", "zinb", "poisson"])
@pytest.mark.parametrize(("n_batches", "encode_covariates"), [(1, False), (3, False), (3, True)])
def test_on_the_same_weights_scvi_has_the_loss_of_scvi_tools(
    likelihood, n_batches, encode_covariates
):
    n_covariates = n_batches if n_batches > 1 else 0
    model = trained_looking(
        "scvi", likelihood, n_covariates=n_covariates, encode_covariates=encode_covariates
    )
    sizes = {"n_latent": N_LATENT, "n_hidden": 16, "n_batch": n_batches}
    module = scvi.module.VAE(
        N_VARS, gene_likelihood=likelihood, encode_covariates=encode_covariates, **sizes
    )
    x, batch = cells(n_batches)
    torch.testing.assert_close(
        our_loss(model, x, batch, n_batches), their_loss(module, model, x, batch), rtol=1e-5, atol=0
    )


@pytest.mark.parametrize("likelihood", ["nb", "zinb"])
@pytest.mark.parametrize("n_batches", [1, 3])
def test_on_the_same_weights_scanvi_has_the_loss_of_scvi_tools_for_cells_without_a_label(
    likelihood, n_batches
):
    model = trained_looking(
        "scanvi", likelihood, n_clusters=N_CLASSES, n_covariates=n_batches if n_batches > 1 else 0
    )
    module = scvi.module.SCANVAE(
        N_VARS,
        n_batch=n_batches,
        n_labels=N_CLASSES,
        n_hidden=16,
        n_latent=N_LATENT,
        gene_likelihood=likelihood,
    )
    x, batch = cells(n_batches)
    torch.testing.assert_close(
        our_loss(model, x, batch, n_batches), their_loss(module, model, x, batch), rtol=1e-5, atol=0
    )
