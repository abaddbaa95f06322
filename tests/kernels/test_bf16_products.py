import pytest
import torch

from latentbench.kernels.bf16_products import (
    LEAST_WEIGHTS,
    bf16_linear,
    has_fast_bf16,
    products_in_bf16,
    uses_bf16,
)


@pytest.mark.parametrize("has_bias", [True, False])
def test_value_and_gradients_are_within_rounding_of_those_in_float32(has_bias):
    torch.manual_seed(0)
    x, weight, bias = (
        torch.randn(2, 30, 64, requires_grad=True),
        torch.randn(2, 64, 50, requires_grad=True),
        torch.randn(2, 1, 50, requires_grad=True),
    )
    inputs = (x, weight, bias) if has_bias else (x, weight)
    upstream = torch.randn(2, 30, 50)
    y = bf16_linear(x, weight, bias if has_bias else None)
    assert y.dtype == torch.bfloat16
    exact = x @ weight + (bias if has_bias else 0)
    gradients = zip(
        torch.autograd.grad(y.float(), inputs, upstream),
        torch.autograd.grad(exact, inputs, upstream),
        strict=True,
    )
    for one, other in ((y.float(), exact), *gradients):
        assert one.dtype == torch.float32
        assert (one - other).norm() < 0.01 * other.norm()


def test_only_large_weights_in_training_and_when_asked():
    large, small = torch.zeros(1, 256, LEAST_WEIGHTS // 256), torch.zeros(1, 8, 8)
    assert not uses_bf16(large, training=True)
    with products_in_bf16(True):
        assert uses_bf16(large, training=True)
        assert not uses_bf16(small, training=True)
        assert not uses_bf16(large, training=False)
        with products_in_bf16(False):
            assert not uses_bf16(large, training=True)


def test_a_processor_without_them_is_not_asked(monkeypatch):
    has_fast_bf16.cache_clear()
    for name in ("_is_avx512_bf16_supported", "_is_amx_tile_supported"):
        monkeypatch.setattr(torch.cpu, name, lambda: False)
    assert not has_fast_bf16(torch.device("cpu"))
    has_fast_bf16.cache_clear()


def test_products_that_are_wrong_are_not_used(monkeypatch):
    has_fast_bf16.cache_clear()
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: True)
    right = torch.bmm
    monkeypatch.setattr(
        torch, "bmm", lambda a, b: right(a, b) * (1.02 if a.dtype == torch.bfloat16 else 1)
    )
    assert not has_fast_bf16(torch.device("cpu"))
    has_fast_bf16.cache_clear()
