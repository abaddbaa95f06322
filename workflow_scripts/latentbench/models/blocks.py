"""Layers with a leading replicas axis on parameters and activations; everything a model file is
built of.

A parameter has shape (replicas, ...), an activation (replicas, *samples, obs, features). A layer is
created for one replica; replicas are stacked afterwards.
"""

import math
from collections.abc import Sequence
from itertools import pairwise

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from latentbench.kernels.bf16_products import bf16_linear, uses_bf16
from latentbench.kernels.hidden_units import lowest_kept, normalise_relu_drop
from latentbench.kernels.sparse_rows import SparseCells, sparse_linear
from latentbench.maths.random_streams import bits_like

Covariates = Float[Tensor, "replicas obs covariates"]

ACTIVATIONS = {
    "relu": F.relu,
    "leaky_relu": F.leaky_relu,
    "softplus": F.softplus,
    "tanh": torch.tanh,
}

SPARSE_BELOW, SPARSE_BELOW_IN_BF16 = 0.24, 0.2
"""Shares of non-zeros up to which the product of sparse rows in float32 is faster than the
dense one in float32, in bfloat16 (see benchmarks/roofline.py)."""


class Linear(nn.Module):
    """x W + b for every replica with its own W and b; initialised U(-1/sqrt(n_in), 1/sqrt(n_in)).

    ``bias`` False where batch normalisation follows: it would take a bias away again, and Adam
    would turn the rounding errors of a zero gradient into steps. With ``n_covariates`` the layer
    reads (x, covariates) side by side; the covariates are given apart, because x may be sparse.
    """

    def __init__(self, n_in: int, n_out: int, *, bias: bool = True, n_covariates: int = 0) -> None:
        super().__init__()
        bound = 1 / math.sqrt(n_in + n_covariates)
        self.weight = nn.Parameter(torch.empty(1, n_in, n_out).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.empty(1, 1, n_out).uniform_(-bound, bound)) if bias else None
        self.covariate_weight = (
            nn.Parameter(torch.empty(1, n_covariates, n_out).uniform_(-bound, bound))
            if n_covariates
            else None
        )

    def forward(
        self,
        x: Float[Tensor, "replicas *samples obs n_in"] | SparseCells,
        covariates: Covariates | None = None,
    ) -> Float[Tensor, "replicas *samples obs n_out"]:
        """Return x W + b, and what the covariates add."""
        return self.product(x, covariates).float()

    def product(
        self,
        x: Float[Tensor, "replicas *samples obs n_in"] | SparseCells,
        covariates: Covariates | None = None,
    ) -> Float[Tensor, "replicas *samples obs n_out"]:
        """Do as ``forward``, in the type that the product was taken in."""
        y = self._product_with_x(x)
        if self.covariate_weight is None:
            return y
        added = torch.bmm(covariates, self.covariate_weight)
        return y + added.view(added.shape[0], *[1] * (y.ndim - 3), *added.shape[1:])

    def _product_with_x(
        self, x: Float[Tensor, "replicas *samples obs n_in"] | SparseCells
    ) -> Float[Tensor, "replicas *samples obs n_out"]:
        in_bf16 = uses_bf16(self.weight, training=self.training)
        if isinstance(x, SparseCells):
            if in_bf16 and x.density > SPARSE_BELOW_IN_BF16:
                return bf16_linear(x.to_bf16(), self.weight, self.bias)
            if x.density <= SPARSE_BELOW:
                y = sparse_linear(x, self.weight)
                return y if self.bias is None else y + self.bias
            x = x.to_dense()
        rows = x.flatten(1, -2)
        if in_bf16:
            y = bf16_linear(rows, self.weight, self.bias)
        elif self.bias is None:
            y = torch.bmm(rows, self.weight)
        else:
            y = torch.baddbmm(self.bias, rows, self.weight)
        return y if x.ndim == 3 else y.unflatten(1, x.shape[1:-1])


class HiddenUnits(nn.Module):
    """What follows a hidden linear layer: batch normalisation over every axis but replicas and
    features (Ioffe and Szegedy 2015), an activation, dropout.

    ``eps`` is scVI's, ``momentum`` is not: with its .01 the running statistics lag behind for
    hundreds of steps, which is all that a small data set gets. The mask of the dropout comes from
    the active random streams, so that a replica's mask does not depend on its neighbours.
    """

    def __init__(
        self,
        n_features: int,
        *,
        activation: str,
        dropout: float,
        batch_norm: bool,
        momentum: float = 0.05,
        eps: float = 1e-3,
    ) -> None:
        super().__init__()
        self.activation, self.dropout, self.batch_norm = activation, dropout, batch_norm
        self.momentum, self.eps = momentum, eps
        if batch_norm:
            self.weight = nn.Parameter(torch.ones(1, n_features))
            self.bias = nn.Parameter(torch.zeros(1, n_features))
            self.register_buffer("running_mean", torch.zeros(1, n_features))
            self.register_buffer("running_variance", torch.ones(1, n_features))

    def forward(
        self, x: Float[Tensor, "replicas *samples obs features"]
    ) -> Float[Tensor, "replicas *samples obs features"]:
        """Normalise by the minibatch's statistics in training, by the running ones otherwise;
        activate; drop units in training only.
        """
        rows = x.flatten(1, -2)
        drops = self.training and self.dropout > 0
        bits = bits_like(rows) if drops else None
        if (
            self.training
            and self.batch_norm
            and self.activation == "relu"
            and rows.device.type == "cpu"
            and rows.dtype == torch.float32
        ):
            state = {
                "running_mean": self.running_mean,
                "running_variance": self.running_variance,
                "momentum": self.momentum,
                "eps": self.eps,
            }
            y = normalise_relu_drop(
                rows,
                self.weight,
                self.bias,
                **state,
                bits=bits,
                dropped=self.dropout if drops else 0.0,
            )
            return y if x.ndim == 3 else y.view(x.shape)
        if self.batch_norm:
            rows = self._normalised(rows)
        rows = ACTIVATIONS[self.activation](rows)
        if drops:
            rows = rows * (bits >= lowest_kept(self.dropout)) / (1 - self.dropout)
        return rows.view(x.shape)

    def _normalised(
        self, rows: Float[Tensor, "replicas rows features"]
    ) -> Float[Tensor, "replicas rows features"]:
        replicas, n_rows, features = rows.shape
        # Replicas become features: each keeps its own statistics.
        columns = rows.transpose(0, 1).reshape(n_rows, replicas * features)
        state = [
            tensor.view(-1)
            for tensor in (self.running_mean, self.running_variance, self.weight, self.bias)
        ]
        normalised = F.batch_norm(
            columns, *state, training=self.training, momentum=self.momentum, eps=self.eps
        )
        return normalised.view(n_rows, replicas, features).transpose(0, 1)


class MLP(nn.Sequential):
    """Hidden layers (a linear one, then its ``HiddenUnits``): ``n_layers`` of ``n_hidden`` units,
    or one for every width listed; then a linear output layer.

    Without hidden layers the map is linear. Covariates are read by the first layer.
    """

    def __init__(
        self,
        n_in: int,
        n_out: int,
        *,
        n_hidden: int | Sequence[int],
        n_layers: int = 1,
        activation: str = "relu",
        dropout: float = 0.0,
        batch_norm: bool = True,
        n_covariates: int = 0,
    ) -> None:
        widths = [n_in, *([n_hidden] * n_layers if isinstance(n_hidden, int) else n_hidden)]
        read = [n_covariates] + [0] * len(widths)  # by the first layer alone
        hidden = [
            layer
            for (width_in, width_out), n_read in zip(pairwise(widths), read, strict=False)
            for layer in (
                Linear(width_in, width_out, bias=not batch_norm, n_covariates=n_read),
                HiddenUnits(
                    width_out, activation=activation, dropout=dropout, batch_norm=batch_norm
                ),
            )
        ]
        super().__init__(
            *hidden, Linear(widths[-1], n_out, n_covariates=n_covariates if len(widths) == 1 else 0)
        )

    def forward(
        self,
        x: Float[Tensor, "replicas *samples obs n_in"] | SparseCells,
        covariates: Covariates | None = None,
    ) -> Float[Tensor, "replicas *samples obs n_out"]:
        """Return the outputs."""
        first, *rest = self
        y = first(x, covariates)
        for layer in rest:
            y = layer(y)
        return y


class Decoder(MLP):
    """An MLP whose outputs a likelihood reads: they stay in bfloat16 where the last product is
    taken in it.
    """

    def forward(
        self, x: Float[Tensor, "replicas *samples obs n_in"], covariates: Covariates | None = None
    ) -> Float[Tensor, "replicas *samples obs n_out"]:
        """Return the parameters of p(x | z), as a likelihood takes them."""
        *hidden, last = self
        if not hidden:
            return last.product(x, covariates)
        first, *rest = hidden
        y = first(x, covariates)
        for layer in rest:
            y = layer(y)
        return last.product(y)


def mirrored(n_hidden: int | Sequence[int]) -> int | Sequence[int]:
    """Return the widths of a decoder's hidden layers: those of the encoder in reverse."""
    return n_hidden if isinstance(n_hidden, int) else tuple(reversed(n_hidden))


def soft_clip(x: Float[Tensor, "*any"], low: float, high: float) -> Float[Tensor, "*any"]:
    """Return x squashed smoothly into (low, high); the identity to first order at the middle."""
    middle, half = (low + high) / 2, (high - low) / 2
    return middle + half * torch.tanh((x - middle) / half)


def floored(log_variance: Float[Tensor, "*any"], least: float = 1e-4) -> Float[Tensor, "*any"]:
    """Return log(exp(log_variance) + ``least``): a variance that cannot vanish, as in
    scvi-tools.
    """
    return torch.logaddexp(log_variance, log_variance.new_tensor(math.log(least)))


def beside_its_class(
    values: Float[Tensor, "replicas clusters obs features"],
) -> Float[Tensor, "replicas clusters obs features_and_clusters"]:
    """Return values with the one-hot code of their component beside them."""
    classes = torch.arange(values.shape[1], device=values.device)[:, None].expand(values.shape[:3])
    return torch.cat([values, F.one_hot(classes, values.shape[1]).to(values.dtype)], dim=-1)
