import torch

from latentbench.training.divergence import Divergence


def test_a_replica_that_breaks_is_noted_once_with_its_first_term():
    divergence = Divergence()
    divergence.look(
        {
            "parameters": torch.tensor([1.0, torch.inf, 1.0]),
            "loss": torch.tensor([1.0, torch.nan, 1.0]),
        },
        3,
        [7, 8, 9],
    )
    divergence.look({"loss": torch.tensor([-torch.inf, torch.nan, 1.0])}, 4, [7, 8, 9])
    assert {index: epoch for index, (epoch, _) in divergence.found.items()} == {1: 3, 0: 4}
    assert divergence.found[1][1].startswith("non-finite 'parameters' in epoch 3")
