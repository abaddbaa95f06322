"""p(x | z) by name: each turns a decoder's outputs into a distribution and says which values of the
data it scores and what the encoder reads.

Names and formulas: docs/models.md, section on likelihoods. Parameters of a likelihood (theta,
sigma) carry the replicas axis like any other."""

from abc import ABC, abstractmethod
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor, nn

from latentbench.kernels.sparse_rows import SparseCells
from latentbench.maths.distributions import (
    Bernoulli,
    ContinuousBernoulli,
    Distribution,
    NegativeBinomial,
    Normal,
    Poisson,
    ZeroInflatedNegativeBinomial,
)
from latentbench.maths.random_streams import uniform_like


class AbstractLikelihood(nn.Module, ABC):
    """A family p(x | z) over ``n_vars`` values.

    ``layer`` is the layer of the prepared data that it scores: ``"counts"`` or ``"X"``;
    ``outputs_per_var`` how many decoder outputs it reads for each value; ``binarises`` whether grey
    values in [0, 1] are taken as probabilities of a 1 and drawn anew every time."""

    layer: ClassVar[str] = "X"
    outputs_per_var: ClassVar[int] = 1
    binarises: ClassVar[bool] = False

    def __init__(self, n_vars: int) -> None:
        super().__init__()
        self.n_vars = n_vars

    @property
    def n_outputs(self) -> int:
        """How many outputs the decoder needs."""
        return self.outputs_per_var * self.n_vars

    @abstractmethod
    def forward(
        self,
        outputs: Float[Tensor, "replicas *samples obs outputs"],
        library_size: Float[Tensor, "replicas *#samples obs 1"],
    ) -> Distribution:
        """Return p(x | z) from the decoder's outputs."""

    def encoder_input(
        self, x: Float[Tensor, "replicas obs vars"] | SparseCells
    ) -> Float[Tensor, "replicas obs vars"] | SparseCells:
        """Return what the encoder reads of x: log(1 + x) of counts, as in scVI, anything else as it
        is.
        """
        return x.log1p() if self.layer == "counts" else x

    def observe(
        self, x: Float[Tensor, "replicas obs vars"] | SparseCells
    ) -> Float[Tensor, "replicas obs vars"] | SparseCells:
        """Return the values to be scored: a {0, 1} sample of grey values from the active random
        streams if the likelihood binarises, else x.
        """
        return (uniform_like(x) < x).to(x.dtype) if self.binarises else x


class GaussianLikelihood(AbstractLikelihood):
    """N(f(z), 1): 1/2 squared error + (n/2) log 2 pi."""

    def forward(
        self,
        outputs: Float[Tensor, "replicas *samples obs outputs"],
        library_size: Float[Tensor, "replicas *#samples obs 1"],
    ) -> Normal:
        """Return N(f(z), 1)."""
        return Normal(outputs, outputs.new_zeros((1,) * outputs.ndim, dtype=torch.float32))


class SharedGaussianLikelihood(AbstractLikelihood):
    """N(f(z), sigma^2), one learned sigma for all values (the sigma-VAE of Rybkin 2021,
    arXiv:2006.13202): log sigma^2 = 20 ``scaled_log_variance``.

    Adam moves every parameter by about the learning rate a step, and sigma must fall by orders of
    magnitude before the prior's term outweighs the reconstruction and the posterior collapses:
    hence the factor."""

    def __init__(self, n_vars: int) -> None:
        super().__init__(n_vars)
        self.scaled_log_variance = nn.Parameter(torch.zeros(1, 1))

    def forward(
        self,
        outputs: Float[Tensor, "replicas *samples obs outputs"],
        library_size: Float[Tensor, "replicas *#samples obs 1"],
    ) -> Normal:
        """Return N(f(z), sigma^2)."""
        return Normal(outputs, 20 * along_vars(self.scaled_log_variance, outputs))


class BernoulliLikelihood(AbstractLikelihood):
    """Bernoulli(sigmoid(f(z))) on dynamically binarised pixels: a grey value is the probability of
    1, sampled anew in every minibatch (Burda 2016).
    """

    binarises = True

    def forward(
        self,
        outputs: Float[Tensor, "replicas *samples obs outputs"],
        library_size: Float[Tensor, "replicas *#samples obs 1"],
    ) -> Bernoulli:
        """Return Bernoulli(sigmoid(f(z)))."""
        return Bernoulli(outputs)


class ContinuousBernoulliLikelihood(AbstractLikelihood):
    """Continuous Bernoulli on grey values in [0, 1] as they are."""

    def forward(
        self,
        outputs: Float[Tensor, "replicas *samples obs outputs"],
        library_size: Float[Tensor, "replicas *#samples obs 1"],
    ) -> ContinuousBernoulli:
        """Return CB(sigmoid(f(z)))."""
        return ContinuousBernoulli(outputs)


class PoissonLikelihood(AbstractLikelihood):
    """Poisson(library_size * softmax(f(z))) on raw counts; the encoder reads log1p."""

    layer = "counts"

    def forward(
        self,
        outputs: Float[Tensor, "replicas *samples obs outputs"],
        library_size: Float[Tensor, "replicas *#samples obs 1"],
    ) -> Poisson:
        """Return Poisson(library_size * softmax(f(z)))."""
        return Poisson(outputs, library_size)


class NegativeBinomialLikelihood(AbstractLikelihood):
    """NB(library_size * softmax(f(z)), theta) on raw counts, theta learned per gene; the encoder
    reads log1p.
    """

    layer = "counts"

    def __init__(self, n_vars: int) -> None:
        super().__init__(n_vars)
        self.log_theta = nn.Parameter(torch.zeros(1, n_vars))

    def forward(
        self,
        outputs: Float[Tensor, "replicas *samples obs outputs"],
        library_size: Float[Tensor, "replicas *#samples obs 1"],
    ) -> NegativeBinomial:
        """Return NB(library_size * softmax(f(z)), theta)."""
        return NegativeBinomial(outputs, library_size, along_vars(self.log_theta, outputs))


class ZeroInflatedNegativeBinomialLikelihood(AbstractLikelihood):
    """ZINB on raw counts: the NB of the first half of the outputs, dropout logits from the second
    half.
    """

    layer = "counts"
    outputs_per_var = 2

    def __init__(self, n_vars: int) -> None:
        super().__init__(n_vars)
        self.counts = NegativeBinomialLikelihood(n_vars)

    def forward(
        self,
        outputs: Float[Tensor, "replicas *samples obs outputs"],
        library_size: Float[Tensor, "replicas *#samples obs 1"],
    ) -> ZeroInflatedNegativeBinomial:
        """Return ZINB(library_size * softmax(f(z)), theta, sigmoid(g(z)))."""
        scale_logits, zi_logits = outputs.split(self.n_vars, dim=-1)
        return ZeroInflatedNegativeBinomial(self.counts(scale_logits, library_size), zi_logits)


def along_vars(
    parameter: Float[Tensor, "replicas vars"],
    outputs: Float[Tensor, "replicas *samples obs outputs"],
) -> Float[Tensor, "replicas *ones vars"]:
    """Return a per-replica parameter with axes of length one in the places of samples and obs, so
    that it broadcasts against ``outputs``.
    """
    return parameter.reshape(parameter.shape[0], *([1] * (outputs.ndim - 2)), parameter.shape[-1])


LIKELIHOODS: dict[str, type[AbstractLikelihood]] = {
    "gaussian": GaussianLikelihood,
    "gaussian_shared": SharedGaussianLikelihood,
    "bernoulli": BernoulliLikelihood,
    "continuous_bernoulli": ContinuousBernoulliLikelihood,
    "poisson": PoissonLikelihood,
    "nb": NegativeBinomialLikelihood,
    "zinb": ZeroInflatedNegativeBinomialLikelihood,
}
