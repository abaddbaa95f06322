"""The minibatches of an epoch: every replica's own order of the training cells, and those of
labelled cells in between.
"""

import torch
from jaxtyping import Int
from torch import Tensor

from latentbench.maths.random_streams import RandomStreams


def minibatches_of_epoch(
    train: Int[Tensor, "replicas train"],
    shown: Int[Tensor, "replicas obs"] | None,
    order: RandomStreams,
    *,
    n_steps: int,
    size: int,
    labelled_every: int | None,
) -> list[list[Int[Tensor, "replicas batch"]]]:
    """Return the minibatches of every step: one, and after every ``labelled_every``-th one of
    labelled cells, which are gone through again and again.

    Raises:
        ValueError: no class is shown where labelled cells are asked for.
    """
    chosen = train.gather(1, order.permutations(train.shape[1]))[:, : n_steps * size].unflatten(
        1, (n_steps, size)
    )
    steps = [[chosen[:, step]] for step in range(n_steps)]
    if labelled_every is None or shown is None:
        return steps
    labelled = [cells[classes[cells] >= 0] for cells, classes in zip(train, shown, strict=True)]
    if min(map(len, labelled)) == 0:
        raise ValueError(
            "training.labelled_every: no training cell shows a class; leave it out, or choose a"
            " task mode that shows some"
        )
    orders = [
        cells[torch.randperm(len(cells), generator=generator, device=cells.device)]
        for cells, generator in zip(labelled, order.generators, strict=True)
    ]
    for turn, step in enumerate(range(labelled_every - 1, n_steps, labelled_every)):
        places = torch.arange(turn * size, (turn + 1) * size, device=train.device)
        steps[step].append(torch.stack([cells[places % len(cells)] for cells in orders]))
    return steps
