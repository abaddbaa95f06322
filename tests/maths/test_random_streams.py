import torch

from latentbench.maths.random_streams import (
    RandomStreams,
    drawing_from,
    seed_of,
    standard_normal_like,
)


def test_a_replicas_numbers_depend_on_its_seed_alone():
    together = RandomStreams([3, 4, 5], "noise").normal((3, 6))
    alone = RandomStreams([4], "noise").normal((1, 6))
    assert torch.equal(together[1:2], alone)


def test_purposes_and_seeds_have_streams_of_their_own():
    seeds = {
        seed_of(seed, purpose)
        for seed in range(100)
        for purpose in ("order", "noise", "initialisation")
    }
    assert len(seeds) == 300
    assert max(seeds) < 2**63


def test_noise_comes_from_the_innermost_active_streams():
    outer, inner = RandomStreams([0], "a"), RandomStreams([0], "b")
    like = torch.zeros(1, 4)
    with drawing_from(outer):
        with drawing_from(inner):
            from_inner = standard_normal_like(like)
        from_outer = standard_normal_like(like)
    assert torch.equal(from_inner, RandomStreams([0], "b").normal((1, 4)))
    assert torch.equal(from_outer, RandomStreams([0], "a").normal((1, 4)))


def test_permutations_are_permutations_and_differ_between_replicas():
    orders = RandomStreams([0, 1], "order").permutations(50)
    assert torch.equal(orders.sort(1).values, torch.arange(50).expand(2, -1))
    assert not torch.equal(orders[0], orders[1])


def test_bits_are_uniform_over_all_16_bit_numbers_and_each_replica_has_its_own():
    bits = RandomStreams([0, 1], "test").bits((2, 300, 333))
    assert bits.dtype == torch.int16
    counts = torch.histc(bits.float(), bins=16, min=-(2**15), max=2**15)
    assert (counts / counts.sum() - 1 / 16).abs().max() < 1e-3
    assert not torch.equal(bits[0], bits[1])
    assert torch.equal(bits[1], RandomStreams([1], "test").bits((1, 300, 333))[0])
