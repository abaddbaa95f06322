"""scVI: a VAE of counts whose decoder is told the batch (Lopez 2018,
doi:10.1038/s41592-018-0229-2); s
are the one-hot covariates, if the variant names any.

    p(z) = N(0, I),  rho = softmax(f(z, s))                                  (1)
    p(x | z, s) = NB, ZINB or Poisson with mean l rho                        (2)
    q(z | x) = N(m(x), diag s(x)^2)  or, told the batch, q(z | x, s)         (3)
    -ELBO(x | s) = E_q[-log p(x | z, s)] + KL(q(z | x) || p(z))              (4)

l is the observed library size and theta, the inverse dispersion, belongs to the gene: the defaults
of scvi-tools, where l and theta may be more. The variance of (3) is kept above 1e-4, as there. On
the same weights the loss is that of scvi-tools' module, which a test shows where it is installed.
Symbols to code: (m, log s^2) is ``encoder``, f is ``decoder``; l is ``minibatch.library_size``; (2)
is ``likelihood``. Deviations: covariates enter the first layer alone (there: every hidden layer);
the running statistics of batch normalisation follow faster (``blocks.HiddenUnits``); Adam's epsilon
is 1e-8 (there .01). The paper's training, ``epochs: 400``, ``kl_warmup: 1``, ``weight_decay:
1.0e-6``, holds up to 20,000 cells; of more, give about 8,000,000 / cells epochs and a smaller share
of them, epochs / 400, of the KL term's full weight.

Use: single-cell counts, for codes that batches have been taken out of and for the other counts
models to be measured by.
Cost: that of ``vae``; the paper's training is 400 epochs.
"""

from dataclasses import replace
from typing import Annotated

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
from latentbench.study.options import Option


class ScVI(AbstractStandardNormalModel, AbstractConditionalModel):
    """scVI with any likelihood; with ``encode_covariates`` the encoder is told the covariates
    too.
    """

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
        encode_covariates: Annotated[
            bool, Option("whether the encoder is told the covariates, as the decoder is")
        ] = False,
    ) -> None:
        super().__init__()
        self.likelihood, self.encode_covariates = likelihood, encode_covariates
        n_encoded = n_covariates if encode_covariates else 0
        self.encoder = MLP(
            n_vars,
            2 * n_latent,
            n_hidden=n_hidden,
            n_layers=n_layers,
            dropout=dropout,
            n_covariates=n_encoded,
        )
        self.decoder = Decoder(
            n_latent,
            likelihood.n_outputs,
            n_hidden=n_hidden,
            n_layers=n_layers,
            n_covariates=n_covariates,
        )

    def posterior(self, minibatch: Minibatch) -> Normal:
        """Return q(z | x) or q(z | x, s), equation (3)."""
        mean, log_variance = self.encoder(
            minibatch.inputs, minibatch.covariates if self.encode_covariates else None
        ).chunk(2, dim=-1)
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
