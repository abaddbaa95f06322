"""What every network model offers and what it is given. Everything carries a leading ``replicas`` axis: S seeds of a variant are one model."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from latentbench.kernels.sparse_linear import SparseCells
from latentbench.likelihoods import AbstractLikelihood


@dataclass(frozen=True)
class Minibatch:
    """The cells of one step, each replica its own.

    ``inputs`` is what the encoder reads (dense, or rows of a sparse matrix: the first layer takes both), ``x`` what the likelihood scores, ``library_size``
    the total counts of a cell over the modelled genes (1 where the data are no counts), ``y`` the observed class of a cell or -1: a label is seen by a
    model only where its task says so.
    """

    inputs: Float[Tensor, "replicas obs vars"] | SparseCells
    x: Float[Tensor, "replicas obs vars"]
    library_size: Float[Tensor, "replicas obs 1"]
    y: Int[Tensor, "replicas obs"]


class AbstractModel(nn.Module, ABC):
    """A latent-variable model: per-cell loss terms and an embedding. Subclasses are final."""

    generative: ClassVar[str]
    """The factorisation of p, as text: ``"p(z) p(x|z)"``."""
    inference: ClassVar[str]
    """The factorisation of q."""

    likelihood: AbstractLikelihood

    @property
    def n_replicas(self) -> int:
        """How many replicas are stacked in this model."""
        return next(self.parameters()).shape[0]

    @abstractmethod
    def loss_terms(self, minibatch: Minibatch) -> dict[str, Float[Tensor, "replicas obs"]]:
        """Return the named terms of every cell's loss, signed so that their sum is the loss; terms of a prior begin with ``kl_``."""

    @abstractmethod
    def embed(self, minibatch: Minibatch) -> Float[Tensor, "replicas obs latent"]:
        """Return the code of every cell: the mean of its posterior."""


class AbstractClusteringModel(AbstractModel):
    """A model that clusters by itself."""

    @abstractmethod
    def cluster_probs(self, minibatch: Minibatch) -> Float[Tensor, "replicas obs clusters"]:
        """Return the probability of every cluster for every cell; rows sum to one."""


def cluster_weights(
    qy: Float[Tensor, "replicas obs clusters"], y: Int[Tensor, "replicas obs"]
) -> tuple[Float[Tensor, "replicas obs clusters"], Float[Tensor, "replicas obs"]]:
    """Return the weights of the enumerated classes and -log q(y | .) of the observed ones.

    Where y is observed its weight is one (only that component enters the bound) and q is trained to predict it; elsewhere the weights are q itself and the
    second result is 0 (Kingma 2014, arXiv:1406.5298, eq. 6-9).
    """
    observed = y >= 0
    y_onehot = nn.functional.one_hot(y.clamp(min=0), qy.shape[-1]).to(qy.dtype)
    weights = torch.where(observed[..., None], y_onehot, qy)
    classification = -(y_onehot * torch.log(qy.clamp(min=torch.finfo(qy.dtype).tiny))).sum(-1)
    return weights, torch.where(observed, classification, torch.zeros_like(classification))
