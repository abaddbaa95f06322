"""The one place where randomness starts: every replica draws from streams of its own, seeded by its
seed alone, so its numbers do not depend on its neighbours.

A model asks for noise without naming a generator (``qz.rsample()``, dropout); the training loop
says whose streams are drawn from::

    with drawing_from(streams):
        terms = model.loss_terms(minibatch)
"""

import math
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar

import numpy as np
import torch
from jaxtyping import Float, Int, Int16, UInt8
from torch import Tensor


def seed_of(seed: int, purpose: str) -> int:
    """Return a 63-bit seed for one purpose (``"initialisation"``, ``"order"``, ``"noise"`` ...) of
    one replica's seed.
    """
    return int(
        np.random.SeedSequence([seed, zlib.crc32(purpose.encode())]).generate_state(1, np.uint64)[0]
        >> 1
    )


class RandomStreams:
    """One generator a replica. Every drawn tensor has the replicas as its leading axis."""

    def __init__(
        self, seeds: Sequence[int], purpose: str, device: torch.device | str = "cpu"
    ) -> None:
        self.device = torch.device(device)
        self.generators = [
            torch.Generator(self.device).manual_seed(seed_of(seed, purpose)) for seed in seeds
        ]

    def state(self) -> UInt8[Tensor, "replicas bytes"]:
        """Return where the generators stand."""
        return torch.stack([generator.get_state() for generator in self.generators])

    def restore(self, state: UInt8[Tensor, "replicas bytes"]) -> None:
        """Go back to where the generators stood."""
        for generator, each in zip(self.generators, state, strict=True):
            generator.set_state(each.clone())

    def normal(self, shape: Sequence[int]) -> Float[Tensor, "replicas ..."]:
        """Draw from N(0, 1)."""
        drawn = torch.empty(tuple(shape), device=self.device)
        for replica, generator in zip(drawn, self.generators, strict=True):
            replica.normal_(generator=generator)
        return drawn

    def uniform(self, shape: Sequence[int]) -> Float[Tensor, "replicas ..."]:
        """Draw from U(0, 1)."""
        drawn = torch.empty(tuple(shape), device=self.device)
        for replica, generator in zip(drawn, self.generators, strict=True):
            replica.uniform_(generator=generator)
        return drawn

    def gamma(self, shapes: Float[Tensor, "replicas ..."]) -> Float[Tensor, "replicas ..."]:
        """Draw from Gamma(shape, 1), a shape for each value."""
        return torch.stack(
            [
                torch._standard_gamma(each, generator=generator)
                for each, generator in zip(shapes, self.generators, strict=True)
            ]
        )

    def poisson(self, rates: Float[Tensor, "replicas ..."]) -> Float[Tensor, "replicas ..."]:
        """Draw Poisson counts, a rate for each value."""
        return torch.stack(
            [
                torch.poisson(each, generator=generator)
                for each, generator in zip(rates, self.generators, strict=True)
            ]
        )

    def bits(self, shape: Sequence[int]) -> Int16[Tensor, "replicas ..."]:
        """Draw uniformly from all 16-bit numbers: four for the price of one draw."""
        replicas, *rest = shape
        n = math.prod(rest)
        drawn = torch.empty((replicas, -(-n // 4)), dtype=torch.int64, device=self.device)
        for replica, generator in zip(drawn, self.generators, strict=True):
            replica.random_(-(2**63), None, generator=generator)
        return drawn.view(torch.int16)[:, :n].reshape(tuple(shape))

    def permutations(self, n: int) -> Int[Tensor, "replicas n"]:
        """Draw one order of ``range(n)`` a replica."""
        return torch.stack(
            [
                torch.randperm(n, generator=generator, device=self.device)
                for generator in self.generators
            ]
        )


_active: ContextVar[RandomStreams] = ContextVar("active random streams")


@contextmanager
def drawing_from(streams: RandomStreams) -> Iterator[None]:
    """Make ``streams`` the source of all noise drawn inside the block."""
    token = _active.set(streams)
    try:
        yield
    finally:
        _active.reset(token)


def standard_normal_like(tensor: Float[Tensor, "replicas ..."]) -> Float[Tensor, "replicas ..."]:
    """Draw N(0, 1) noise of a tensor's shape from the active streams."""
    return _active.get().normal(tensor.shape)


def bits_like(tensor: Float[Tensor, "replicas ..."]) -> Int16[Tensor, "replicas ..."]:
    """Draw 16-bit numbers of a tensor's shape from the active streams."""
    return _active.get().bits(tensor.shape)


def uniform_like(tensor: Float[Tensor, "replicas ..."]) -> Float[Tensor, "replicas ..."]:
    """Draw U(0, 1) noise of a tensor's shape from the active streams."""
    return _active.get().uniform(tensor.shape)


def gamma_of(shapes: Float[Tensor, "replicas ..."]) -> Float[Tensor, "replicas ..."]:
    """Draw from Gamma(shape, 1) from the active streams."""
    return _active.get().gamma(shapes)


def poisson_of(rates: Float[Tensor, "replicas ..."]) -> Float[Tensor, "replicas ..."]:
    """Draw Poisson counts from the active streams."""
    return _active.get().poisson(rates)
