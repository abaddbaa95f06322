import pytest
import torch

from latentbench.kernels.adam import CompiledAdam


@pytest.mark.parametrize("weight_decay", [0.0, 0.01])
def test_steps_are_those_of_torch(weight_decay):
    generator = torch.Generator().manual_seed(0)
    shapes = [(1, 30, 7), (1, 5), (1, 1, 3)]
    ours = [torch.nn.Parameter(torch.randn(shape, generator=generator)) for shape in shapes]
    theirs = [torch.nn.Parameter(parameter.detach().clone()) for parameter in ours]
    optimisers = CompiledAdam(ours, lr=0.01, weight_decay=weight_decay), torch.optim.Adam(theirs, lr=0.01, weight_decay=weight_decay)
    for _ in range(20):
        for mine, other in zip(ours, theirs, strict=True):
            mine.grad = torch.randn(mine.shape, generator=generator)
            other.grad = mine.grad.clone()
        for optimiser in optimisers:
            optimiser.step()
    for mine, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(mine, other, rtol=2e-5, atol=2e-6)


def test_a_parameter_without_a_gradient_stays():
    moved, still = torch.nn.Parameter(torch.ones(3)), torch.nn.Parameter(torch.ones(3))
    optimiser = CompiledAdam([moved, still])
    moved.grad = torch.ones(3)
    optimiser.step()
    optimiser.zero_grad()
    assert torch.equal(still, torch.ones(3))
    assert (moved < 1).all()
    assert moved.grad is None
