"""scGen: a VAE of log-normalised expression in whose codes a perturbation is a shift (Lotfollahi
2019, doi:10.1038/s41592-019-0494-8).

    p(z) = N(0, I),  p(x | z) = N(f(z), I),  q(z | x) = N(m(x), diag s(x)^2)              (1)
    loss(x) = E_q[-log p(x | z)] + beta KL(q(z | x) || p(z)),  beta = 5e-5                (2)
    delta = mean over cell types of (mean m(x) of stimulated cells - mean m(x) of controls)   (3)
    prediction for a control cell x:  E[x'] = f(m(x) + delta)                             (4)

beta is the variant's: ``training: {term_weights: {kl_z: 5.0e-5}}``; so small a weight makes it
close to an autoencoder. delta is computed by the protocol that predicts
(``latentbench.prediction``): a model sees neither conditions nor cell types. Every cell type weighs
the same in (3), which is what the paper's resampling of all types to the same size gives on
average, without its noise; only types with both conditions count. Symbols to code: (m, log s^2) is
``encoder``, f is ``decoder``. Deviation: the paper's decoder ends in a ReLU.

Use: what a perturbation does to a cell type that was only seen without it, through the rule
``predict``.
Cost: two wide hidden layers on either side, several times the time of ``vae``.
"""

from typing import Annotated, Literal

from jaxtyping import Float
from torch import Tensor

from latentbench.maths.distributions import Distribution, Normal
from latentbench.maths.likelihoods import AbstractLikelihood
from latentbench.models.blocks import MLP, Decoder
from latentbench.models.interface import AbstractShiftModel, AbstractStandardNormalModel, Minibatch
from latentbench.study.options import Option


class ScGen(AbstractStandardNormalModel, AbstractShiftModel):
    """scGen's VAE with any likelihood; the paper's is ``gaussian``."""

    generative = "p(z) p(x|z)"
    inference = "q(z|x)"
    linear_in_log_prob = True

    def __init__(
        self,
        n_vars: int,
        *,
        likelihood: AbstractLikelihood,
        n_latent: int = 100,
        n_hidden: int = 800,
        n_layers: int = 2,
        dropout: float = 0.2,
        activation: Annotated[
            Literal["relu", "leaky_relu", "softplus", "tanh"],
            Option("activation of the hidden layers"),
        ] = "leaky_relu",
    ) -> None:
        super().__init__()
        self.likelihood = likelihood
        shape = {
            "n_hidden": n_hidden,
            "n_layers": n_layers,
            "dropout": dropout,
            "activation": activation,
        }
        self.encoder = MLP(n_vars, 2 * n_latent, **shape)
        self.decoder = Decoder(n_latent, likelihood.n_outputs, **shape)

    def posterior(self, minibatch: Minibatch) -> Normal:
        """Return q(z | x), equation (1)."""
        return Normal(*self.encoder(minibatch.inputs).chunk(2, dim=-1))

    def px(self, z: Float[Tensor, "replicas obs latent"], minibatch: Minibatch) -> Distribution:
        """Return p(x | z), equation (1)."""
        return self.likelihood(self.decoder(z), minibatch.library_size)

    def loss_terms(self, minibatch: Minibatch) -> dict[str, Float[Tensor, "replicas obs"]]:
        """Return the two terms of equation (2), the second without its weight."""
        qz = self.posterior(minibatch)
        px = self.px(qz.rsample(), minibatch)
        return {"reconstruction": -px.log_prob(minibatch.x), "kl_z": qz.kl_from_standard()}

    def predict_shifted(
        self, minibatch: Minibatch, shift: Float[Tensor, "replicas latent"]
    ) -> Distribution:
        """Return equation (4)."""
        return self.px(self.embed(minibatch) + shift[:, None], minibatch)
