import torch

from latentbench.training.replicas import build_replicas, stack_replicas, unstack_replicas


def test_stacking_and_unstacking_are_inverse():
    model = build_replicas("gmvae", 5, likelihood="nb", seeds=(0, 1, 2), n_clusters=3)
    again = stack_replicas(unstack_replicas(model))
    for one, other in zip(model.state_dict().values(), again.state_dict().values(), strict=True):
        assert torch.equal(one, other)


def test_seeds_differ_and_the_same_seed_does_not():
    model = build_replicas("vae", 5, likelihood="gaussian", seeds=(0, 1, 0))
    weight = model.encoder[0].weight
    assert torch.equal(weight[0], weight[2])
    assert not torch.equal(weight[0], weight[1])


def test_building_leaves_torchs_own_generator_alone():
    before = torch.random.get_rng_state()
    build_replicas("vae", 5, likelihood="gaussian", seeds=(0,))
    assert torch.equal(before, torch.random.get_rng_state())
