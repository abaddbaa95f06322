import torch

from latentbench.kernels.bf16_linear import bf16_linear


def test_value_and_gradients_are_those_of_float32_to_bf16_rounding():
    generator = torch.Generator().manual_seed(0)
    x, weight, bias, upstream = (torch.randn(shape, generator=generator) for shape in ((2, 16, 32), (2, 32, 50), (2, 1, 50), (2, 16, 50)))
    tensors = [tensor.requires_grad_() for tensor in (x, weight, bias)]
    rounded, exact = bf16_linear(*tensors), torch.baddbmm(bias, x, weight)
    pairs = [(rounded, exact), *zip(*(torch.autograd.grad(y, tensors, upstream) for y in (rounded, exact)), strict=True)]
    for mine, other in pairs:
        error = (mine - other).abs().max() / other.abs().max()
        assert error < 0.01
    torch.testing.assert_close(pairs[3][0], pairs[3][1])
