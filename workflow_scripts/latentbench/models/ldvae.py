"""scVI with a linear decoder: a factor model of counts (Svensson 2020,
doi:10.1093/bioinformatics/btaa169); s are the one-hot covariates, if any.

    p(z) = N(0, I),  rho = softmax(z W + s V + b)                            (1)
    p(x | z, s) = NB, ZINB or Poisson with mean l rho                        (2)
    q(z | x) = N(m(x), diag s(x)^2)                                          (3)
    -ELBO(x | s) = E_q[-log p(x | z, s)] + KL(q(z | x) || p(z))              (4)

W are the loadings: where z_j rises by one, the log odds of two genes change by the difference of
their loadings, in every cell alike; adding a constant to a row of W changes nothing, so
``loadings`` returns them around their mean over genes. With the Gaussian likelihood (1) is factor
analysis without a softmax. Symbols to code: (m, log s^2) is ``encoder``; W, V and b are
``decoder``; l is ``minibatch.library_size``; (2) is ``likelihood``. Deviation from scvi-tools:
there batch normalisation follows z W and takes the place of b.

Use: counts whose latent dimensions have to be read gene by gene.
Cost: somewhat less than ``scvi``, for a looser fit.
"""

from dataclasses import replace

from jaxtyping import Float
from torch import Tensor

from latentbench.maths.distributions import Distribution, Normal
from latentbench.maths.likelihoods import AbstractLikelihood
from latentbench.models.blocks import MLP, Covariates, Decoder, floored
from latentbench.models.interface import (
    AbstractConditionalModel,
    AbstractStandardNormalModel,
    Minibatch,
)


class LinearlyDecodedVAE(AbstractStandardNormalModel, AbstractConditionalModel):
    """LDVAE with any likelihood."""

    generative = "p(z) p(x|z,s)"
    inference = "q(z|x)"
    linear_in_log_prob = True

    def __init__(
        self,
        n_vars: int,
        *,
        likelihood: AbstractLikelihood,
        n_covariates: int = 0,
        n_latent: int = 10,
        n_hidden: int = 128,
        n_layers: int = 1,
        dropout: float = 0.1,
    ) -> None:
        super().__init__()
        self.likelihood = likelihood
        self.encoder = MLP(
            n_vars, 2 * n_latent, n_hidden=n_hidden, n_layers=n_layers, dropout=dropout
        )
        self.decoder = Decoder(
            n_latent, likelihood.n_outputs, n_hidden=n_hidden, n_layers=0, n_covariates=n_covariates
        )

    def posterior(self, minibatch: Minibatch) -> Normal:
        """Return q(z | x), equation (3)."""
        mean, log_variance = self.encoder(minibatch.inputs).chunk(2, dim=-1)
        return Normal(mean, floored(log_variance))

    def px(self, z: Float[Tensor, "replicas obs latent"], minibatch: Minibatch) -> Distribution:
        """Return p(x | z, s), equation (2)."""
        return self.likelihood(self.decoder(z, minibatch.covariates), minibatch.library_size)

    def loss_terms(self, minibatch: Minibatch) -> dict[str, Float[Tensor, "replicas obs"]]:
        """Return the two terms of equation (4), the expectation from one sample of z."""
        qz = self.posterior(minibatch)
        px = self.px(qz.rsample(), minibatch)
        return {"reconstruction": -px.log_prob(minibatch.x), "kl_z": qz.kl_from_standard()}

    def predict(self, minibatch: Minibatch, covariates: Covariates) -> Distribution:
        """Return p(x | z, s) at m(x) under other covariates."""
        return self.px(self.embed(minibatch), replace(minibatch, covariates=covariates))

    def loadings(self) -> Float[Tensor, "replicas latent vars"]:
        """Return W of equation (1), every row around its mean."""
        weight = self.decoder[-1].weight[..., : self.likelihood.n_vars]
        return weight - weight.mean(-1, keepdim=True)
