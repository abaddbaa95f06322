import copy

import pytest
import torch

from latentbench.maths.random_streams import RandomStreams, drawing_from
from latentbench.training.optimiser import FlatAdam


def loss_of(model, minibatch):
    with drawing_from(RandomStreams([0, 1], "test")):
        return sum(term.mean(-1).sum() for term in model.loss_terms(minibatch).values())


def test_flat_steps_are_those_of_torchs_adam_on_the_separate_parameters(built):
    model, _, minibatch, _ = built("vae", "gaussian")
    other = copy.deepcopy(model)
    flat = FlatAdam(model, learning_rate=0.01, weight_decay=1e-3)
    plain = torch.optim.Adam(other.parameters(), lr=0.01, weight_decay=1e-3)
    for _ in range(5):
        loss_of(model, minibatch).backward()
        flat.step()
        plain.zero_grad()
        loss_of(other, minibatch).backward()
        plain.step()
    for one, two in zip(model.parameters(), other.parameters(), strict=True):
        torch.testing.assert_close(one, two, rtol=1e-5, atol=1e-6)


def test_gradients_are_clipped_replica_by_replica(built):
    model, _, _, _ = built("ae", "gaussian")
    optimiser = FlatAdam(model, learning_rate=0.01)
    for parameter in model.parameters():
        parameter.grad = torch.ones_like(parameter) * torch.tensor([1e-6, 10.0]).view(
            -1, *[1] * (parameter.ndim - 1)
        )
    optimiser.clip(1.0)
    norms = (
        torch.stack([parameter.grad.flatten(1).square().sum(1) for parameter in model.parameters()])
        .sum(0)
        .sqrt()
    )
    assert norms[0] < 1e-3
    assert norms[1] == pytest.approx(1.0)
