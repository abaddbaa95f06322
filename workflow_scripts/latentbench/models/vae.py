"""Variational autoencoder (Kingma and Welling 2014, arXiv:1312.6114).

    p(z) = N(0, I),  p(x | z) by the likelihood            (1)
    q(z | x) = N(m(x), diag s(x)^2)                        (2)
    -ELBO(x) = E_q[-log p(x | z)] + KL(q(z | x) || p(z))   (3)
    free bits: sum_j max(lambda, mean of KL_j over the minibatch) for the mean of sum_j KL_j   (4)

(4), Kingma 2016 (arXiv:1606.04934), is what is trained on; what is evaluated is (3) whatever
lambda. Symbols to code: (m, log s^2) is ``encoder``; the likelihood's parameters come from
``decoder``; lambda, in nats, is ``free_bits``. With ``likelihood: nb`` this is scVI's model without
covariates (Lopez 2018). beta (Higgins 2017) is the weight of ``kl_z``: ``training: {term_weights:
{kl_z: beta}}``.

Use: for a smooth code and a bound on the likelihood, where groups need not come out as clusters by
themselves.
Cost: one pass of encoder and decoder a step.
"""

from typing import Annotated, Literal

from jaxtyping import Float
from torch import Tensor

from latentbench.maths.distributions import Distribution, Normal
from latentbench.maths.likelihoods import AbstractLikelihood
from latentbench.models.blocks import MLP, Decoder
from latentbench.models.free_bits import at_least_on_average
from latentbench.models.interface import AbstractStandardNormalModel, Minibatch
from latentbench.study.options import Option


class VariationalAutoencoder(AbstractStandardNormalModel):
    """VAE with a standard normal prior and any likelihood."""

    generative = "p(z) p(x|z)"
    inference = "q(z|x)"
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
        free_bits: Annotated[
            float,
            Option(
                "mean divergence of a latent dimension below which training does not press it, in"
                " nats",
                at_least=0,
            ),
        ] = 0.0,
    ) -> None:
        super().__init__()
        self.likelihood, self.free_bits = likelihood, free_bits
        self.encoder = MLP(
            n_vars,
            2 * n_latent,
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

    def posterior(self, minibatch: Minibatch) -> Normal:
        """Return q(z | x), equation (2)."""
        return Normal(*self.encoder(minibatch.inputs).chunk(2, dim=-1))

    def px(self, z: Float[Tensor, "replicas obs latent"], minibatch: Minibatch) -> Distribution:
        """Return p(x | z), equation (1)."""
        return self.likelihood(self.decoder(z), minibatch.library_size)

    def loss_terms(self, minibatch: Minibatch) -> dict[str, Float[Tensor, "replicas obs"]]:
        """Return the two terms of equation (3) or (4), the expectation from one sample of z."""
        qz = self.posterior(minibatch)
        px = self.px(qz.rsample(), minibatch)
        return {"reconstruction": -px.log_prob(minibatch.x), "kl_z": self.kl_z(qz)}

    def kl_z(self, qz: Normal) -> Float[Tensor, "replicas obs"]:
        """Return KL(q(z | x) || p(z)), in training with free bits: equation (4)."""
        if self.training and self.free_bits > 0:
            return at_least_on_average(qz.kl_of_each_dimension_from_standard(), self.free_bits).sum(
                -1
            )
        return qz.kl_from_standard()
