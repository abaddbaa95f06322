"""Autoencoder: a code without a prior.

    z = e(x),  loss(x) = -log p(x | d(z))                                    (1)

Symbols to code: e is ``encoder``, d is ``decoder``. With the Gaussian likelihood (1) is half the
squared error plus a constant.

Use: as the baseline without a prior: whatever a VAE adds must show against it.
Cost: one pass of encoder and decoder a step.
"""

from typing import Annotated, Literal

from jaxtyping import Float
from torch import Tensor

from latentbench.maths.distributions import Distribution
from latentbench.maths.likelihoods import AbstractLikelihood
from latentbench.models.blocks import MLP, Decoder
from latentbench.models.interface import AbstractModel, Minibatch
from latentbench.study.options import Option


class Autoencoder(AbstractModel):
    """Autoencoder with any likelihood."""

    generative = "p(x|z)"
    inference = "z = e(x)"
    linear_in_log_prob = True

    def __init__(
        self,
        n_vars: int,
        *,
        likelihood: AbstractLikelihood,
        n_latent: int = 10,
        n_hidden: int = 128,
        n_layers: int = 1,
        dropout: float = 0.0,
        activation: Annotated[
            Literal["relu", "leaky_relu", "softplus", "tanh"],
            Option("activation of the hidden layers"),
        ] = "relu",
    ) -> None:
        super().__init__()
        self.likelihood = likelihood
        self.encoder = MLP(
            n_vars,
            n_latent,
            n_hidden=n_hidden,
            n_layers=n_layers,
            dropout=dropout,
            activation=activation,
        )
        self.decoder = Decoder(
            n_latent,
            likelihood.n_outputs,
            n_hidden=n_hidden,
            n_layers=n_layers,
            activation=activation,
        )

    def px(self, z: Float[Tensor, "replicas obs latent"], minibatch: Minibatch) -> Distribution:
        """Return p(x | d(z))."""
        return self.likelihood(self.decoder(z), minibatch.library_size)

    def loss_terms(self, minibatch: Minibatch) -> dict[str, Float[Tensor, "replicas obs"]]:
        """Return equation (1)."""
        return {"reconstruction": -self.px(self.embed(minibatch), minibatch).log_prob(minibatch.x)}

    def embed(self, minibatch: Minibatch) -> Float[Tensor, "replicas obs latent"]:
        """Return z = e(x)."""
        return self.encoder(minibatch.inputs)

    def reconstruct(self, minibatch: Minibatch) -> Float[Tensor, "replicas obs vars"]:
        """Return E[x] at e(x)."""
        return self.px(self.embed(minibatch), minibatch).mean
