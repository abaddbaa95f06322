"""What every network model offers and what it is given. Everything carries a leading ``replicas``
axis: S seeds of a variant are one model.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from latentbench.kernels.sparse_rows import SparseCells
from latentbench.maths.distributions import (
    Distribution,
    Normal,
    Predicted,
    log_density,
    log_standard_normal,
)
from latentbench.maths.likelihoods import AbstractLikelihood
from latentbench.maths.random_streams import uniform_like
from latentbench.models.components import standard_components


@dataclass(frozen=True)
class Minibatch:
    """The cells of one step, each replica its own.

    ``inputs`` is what the encoder reads, ``x`` what the likelihood scores; counts may be sparse,
    which a first layer and a likelihood of counts take as well as a tensor (``x.unsqueeze(1)``
    gives both a samples axis). ``library_size`` is the total counts of a cell over the modelled
    genes (1 where the data are no counts), ``y`` the observed class of a cell or -1: a label is
    seen by a model only where its task says so. ``covariates`` are one-hot codes of the obs columns
    that the variant names, side by side (none: no columns). ``probs_at_refresh`` are the model's
    own ``cluster_probs`` of these cells when its phase last refreshed them (``refresh_every``);
    None in a phase that never does, and of cells that are not trained on.
    """

    inputs: Float[Tensor, "replicas obs vars"] | SparseCells
    x: Float[Tensor, "replicas obs vars"] | SparseCells
    library_size: Float[Tensor, "replicas obs 1"]
    y: Int[Tensor, "replicas obs"]
    covariates: Float[Tensor, "replicas obs covariates"]
    probs_at_refresh: Float[Tensor, "replicas obs clusters"] | None = None


@dataclass(frozen=True)
class TrainingCells:
    """The training cells as a model sees them when a phase begins, for starting a mixture from
    their codes, say.

    ``seeds`` are those of the replicas; ``codes`` returns (replicas, train, latent); ``classes``
    are the observed classes of the phase, -1 where hidden; ``inputs`` returns what the encoder
    reads of some of the cells, (replicas, chosen, vars), given their places among the training
    cells.
    """

    seeds: Sequence[int]
    codes: Callable[[], Float[Tensor, "replicas train latent"]]
    classes: Int[Tensor, "replicas train"]
    inputs: Callable[[Int[Tensor, "replicas chosen"]], Float[Tensor, "replicas chosen vars"]]


class AbstractModel(nn.Module, ABC):
    """A latent-variable model: per-cell loss terms and an embedding. Subclasses are final."""

    generative: ClassVar[str]
    """The factorisation of p, as text: ``"p(z) p(x|z)"``."""
    inference: ClassVar[str]
    """The factorisation of q."""

    linear_in_log_prob: ClassVar[bool] = False
    """Whether the loss is linear in log p(x | z) with constant weights, so that a training step
    needs its gradient alone, never its value."""

    likelihood: AbstractLikelihood

    @property
    def n_replicas(self) -> int:
        """How many replicas are stacked in this model."""
        return next(self.parameters()).shape[0]

    @abstractmethod
    def loss_terms(self, minibatch: Minibatch) -> dict[str, Float[Tensor, "replicas obs"]]:
        """Return the named terms of every cell's loss, signed so that their sum is the loss; terms
        of a prior begin with ``kl_``.
        """

    @abstractmethod
    def embed(self, minibatch: Minibatch) -> Float[Tensor, "replicas obs latent"]:
        """Return the code of every cell: the mean of its posterior."""

    @abstractmethod
    def reconstruct(self, minibatch: Minibatch) -> Float[Tensor, "replicas obs vars"]:
        """Return what is expected of x at the code of every cell."""

    def begin_phase(self, name: str, cells: TrainingCells) -> None:
        """Prepare for a phase of the training, named in the config (start a mixture from the
        training cells' codes, say), changing tensors in place.
        """


class AbstractBoundedModel(AbstractModel):
    """A model with a prior over its codes: in eval mode the sum of its loss terms bounds -log p(x |
    covariates) from above.
    """

    @abstractmethod
    def log_weight(self, minibatch: Minibatch) -> Float[Tensor, "replicas obs"]:
        """Return log w of every cell, w = p(x, latents | covariates) / q(latents | x) at one draw
        of its latents; classes are summed out, observed or not.

        w is an unbiased estimate of p(x | covariates), so that log of a mean of k of them is on
        average a bound that rises with k (Burda 2016, theorem 1).
        """


class AbstractLatentModel(AbstractBoundedModel):
    """A bounded model with one latent, said by its posterior, its likelihood and the density of its
    prior; what is derived from these three is here.
    """

    @abstractmethod
    def posterior(self, minibatch: Minibatch) -> Normal:
        """Return q(z | x, covariates)."""

    @abstractmethod
    def px(self, z: Float[Tensor, "replicas obs latent"], minibatch: Minibatch) -> Distribution:
        """Return p(x | z, covariates)."""

    @abstractmethod
    def log_prior(
        self, z: Float[Tensor, "replicas obs latent"], minibatch: Minibatch
    ) -> Float[Tensor, "replicas obs"]:
        """Return log p(z | covariates)."""

    def log_weight(self, minibatch: Minibatch) -> Float[Tensor, "replicas obs"]:
        """Return log p(x | z) + log p(z) - log q(z | x) at a sample of z."""
        qz = self.posterior(minibatch)
        z = qz.rsample()
        log_px = self.px(z, minibatch).log_prob(minibatch.x)
        return log_px + self.log_prior(z, minibatch) - log_density(z, qz)

    def embed(self, minibatch: Minibatch) -> Float[Tensor, "replicas obs latent"]:
        """Return the mean of q(z | x)."""
        return self.posterior(minibatch).mean

    def reconstruct(self, minibatch: Minibatch) -> Float[Tensor, "replicas obs vars"]:
        """Return E[x] at the mean of q(z | x)."""
        return self.px(self.embed(minibatch), minibatch).mean


class AbstractGenerativeModel(AbstractBoundedModel):
    """A bounded model whose prior of codes is Gaussian, or a mixture of Gaussians: codes can be
    drawn from every component and decoded.
    """

    @abstractmethod
    def sample_codes(self, minibatch: Minibatch) -> Float[Tensor, "replicas obs latent"]:
        """Return the code of every cell drawn from its posterior, of which ``embed`` is the
        mean.
        """

    @abstractmethod
    def prior_of_codes(
        self, noise: Float[Tensor, "replicas obs latent"], minibatch: Minibatch
    ) -> Normal:
        """Return the prior of the codes, every component: axes (replicas, components, obs or 1,
        latent), one component where it is no mixture.

        ``noise`` is standard normal: it is what a latent above the code (``w``) is made of, the
        same for every component, and means nothing elsewhere; zero gives that latent its mean.
        Covariates are those of the minibatch.
        """

    @abstractmethod
    def decode(
        self, z: Float[Tensor, "replicas components obs latent"], minibatch: Minibatch
    ) -> Float[Tensor, "replicas components obs vars"]:
        """Return what is expected of x at codes of every component, given the covariates and
        library sizes of the minibatch.
        """


class AbstractGaussianLatentModel(AbstractGenerativeModel):
    """A bounded model whose term ``kl_z`` is a divergence between diagonal Gaussians in closed
    form, and so a sum over the dimensions of z.
    """

    @abstractmethod
    def kl_z_of_each_dimension(self, minibatch: Minibatch) -> Float[Tensor, "replicas obs latent"]:
        """Return what each dimension adds to ``kl_z``."""


class AbstractStandardNormalModel(AbstractLatentModel, AbstractGaussianLatentModel):
    """A model with one latent and p(z) = N(0, I)."""

    def log_prior(
        self, z: Float[Tensor, "replicas obs latent"], minibatch: Minibatch
    ) -> Float[Tensor, "replicas obs"]:
        """Return log N(z; 0, I)."""
        return log_standard_normal(z)

    def kl_z_of_each_dimension(self, minibatch: Minibatch) -> Float[Tensor, "replicas obs latent"]:
        """Return KL(q(z_j | x) || p(z_j)) of every j."""
        return self.posterior(minibatch).kl_of_each_dimension_from_standard()

    def sample_codes(self, minibatch: Minibatch) -> Float[Tensor, "replicas obs latent"]:
        """Return a sample of q(z | x)."""
        return self.posterior(minibatch).rsample()

    def prior_of_codes(
        self, noise: Float[Tensor, "replicas obs latent"], minibatch: Minibatch
    ) -> Normal:
        """Return p(z), its one component."""
        return standard_components(noise)

    def decode(
        self, z: Float[Tensor, "replicas components obs latent"], minibatch: Minibatch
    ) -> Float[Tensor, "replicas components obs vars"]:
        """Return E[x | z] of every component's codes."""
        return torch.stack([self.px(each, minibatch).mean for each in z.unbind(1)], dim=1)


class AbstractTwoLatentModel(AbstractGaussianLatentModel):
    """A model with a second latent w, of which the components of z are functions."""

    @abstractmethod
    def posteriors(self, minibatch: Minibatch) -> tuple[Normal, Normal]:
        """Return q(z | x) and q(w | x), of a conditional model q(z | x, c) and q(w | x, c)."""


class AbstractClusteringModel(AbstractModel):
    """A model that clusters by itself."""

    @abstractmethod
    def cluster_probs(self, minibatch: Minibatch) -> Float[Tensor, "replicas obs clusters"]:
        """Return the probability of every cluster for every cell; rows sum to one."""

    def refresh(self, cluster_probs: Float[Tensor, "replicas train clusters"]) -> None:
        """Take note of the cluster probabilities of all training cells, every ``refresh_every``
        steps of a phase, changing tensors in place.
        """


class AbstractConditionalModel(AbstractModel):
    """A model that is told covariates and can be asked what a cell would have been under others."""

    @abstractmethod
    def predict(
        self, minibatch: Minibatch, covariates: Float[Tensor, "replicas obs covariates"]
    ) -> Predicted:
        """Return p(x) of every cell under ``covariates`` in place of its own, what else is known of
        the cell kept; of counts its draws come from the model's likelihood.
        """


class AbstractShiftModel(AbstractModel):
    """A model in whose codes a condition is taken to be the same shift for every cell."""

    @abstractmethod
    def predict_shifted(
        self, minibatch: Minibatch, shift: Float[Tensor, "replicas latent"]
    ) -> Predicted:
        """Return p(x) of every cell once its code has moved by ``shift``."""


class AbstractCodeClusteringModel(AbstractModel):
    """A model whose clusters are fitted to the codes of the training cells once the training is
    over, not by its gradient.
    """

    @abstractmethod
    def cluster_codes(
        self, codes: Float[np.ndarray, "obs latent"], *, train: Int[np.ndarray, " train"], seed: int
    ) -> tuple[Float[np.ndarray, "obs embedding"], Float[np.ndarray, "obs clusters"]]:
        """Return the final embedding and the cluster probabilities of all cells of one replica,
        fitted on ``train``.
        """


@dataclass(frozen=True)
class ClassPosterior:
    """q(y | .) with the observed classes put in: what the bound of an enumerated y is made of.

    Everything is taken from ``log_softmax`` of the logits: a probability underflows to zero where
    two logits differ by 104, and w log w and -log w then have no gradient or none that is finite.
    """

    logits: Float[Tensor, "replicas obs clusters"]
    y: Int[Tensor, "replicas obs"]

    @property
    def _log_q(self) -> Float[Tensor, "replicas obs clusters"]:
        return torch.log_softmax(self.logits, dim=-1)

    @property
    def _y_onehot(self) -> Float[Tensor, "replicas obs clusters"]:
        return nn.functional.one_hot(self.y.clamp(min=0), self.logits.shape[-1]).to(
            self.logits.dtype
        )

    @property
    def weights(self) -> Float[Tensor, "replicas obs clusters"]:
        """The weight of every component: q(y | .), or one for the observed class, whose component
        alone enters the bound (Kingma 2014, eq. 6-9).
        """
        return torch.where(self.y[..., None] >= 0, self._y_onehot, torch.exp(self._log_q))

    def expectation(
        self, values: Float[Tensor, "replicas clusters obs *features"]
    ) -> Float[Tensor, "replicas obs *features"]:
        """Return sum_y w_y values_y."""
        return torch.einsum("rok,rko...->ro...", self.weights, values)

    def drawn(
        self, values: Float[Tensor, "replicas clusters obs *features"]
    ) -> Float[Tensor, "replicas obs *features"]:
        """Return values_y of one y drawn for every cell: the observed one, or that of the largest
        log q(y | .) with Gumbel noise added (Gumbel 1954).
        """
        gumbel = -torch.log(-torch.log(uniform_like(self.logits)))
        y = torch.where(self.y >= 0, self.y, (self._log_q + gumbel).argmax(-1))
        return torch.einsum(
            "rok,rko...->ro...",
            nn.functional.one_hot(y, self.logits.shape[-1]).to(values.dtype),
            values,
        )

    @property
    def negative_entropy(self) -> Float[Tensor, "replicas obs"]:
        """sum_y w log w of the weights: -H(q(y | .)), 0 where y is observed."""
        log_q = self._log_q
        return torch.where(
            self.y >= 0, torch.zeros_like(log_q[..., 0]), (torch.exp(log_q) * log_q).sum(-1)
        )

    @property
    def classification(self) -> Float[Tensor, "replicas obs"]:
        """-log q(y | .) of the observed classes, which trains q to predict them; 0 where none is
        observed.
        """
        return torch.where(
            self.y >= 0,
            -(self._y_onehot * self._log_q).sum(-1),
            torch.zeros_like(self.logits[..., 0]),
        )
