"""Everything that changes in a training loop, as tensors and plain numbers: what a checkpoint
holds, and how a loop goes back to it.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

if TYPE_CHECKING:
    from latentbench.training.loop import TrainingLoop

State = tuple[dict[str, Tensor], dict[str, Any]]


def state_of(loop: "TrainingLoop") -> State:
    """Return the tensors by name and the numbers, which JSON can hold."""
    tensors = {f"model.{name}": tensor for name, tensor in loop.model.state_dict().items()}
    tensors |= {"order": loop.order_at_start, "noise": loop.noise.state()}
    tensors |= {f"optimiser.{name}": tensor for name, tensor in loop.optimiser.moments().items()}
    tensors |= {f"totals.{name}": tensor for name, tensor in loop.totals.items()}
    tensors |= {f"refreshed.{name}": tensor for name, tensor in loop.refreshed.tensors().items()}
    if loop.stopping:
        tensors |= {f"best.{name}": tensor for name, tensor in loop.stopping.best.items()}
    numbers = {
        "position": [loop.phase, loop.epoch, loop.step],
        "n_steps": loop.optimiser.n_steps,
        "seconds": loop.seconds(),
        "rows": loop.rows,
        "terms": list(loop.totals),
        "diverged_at": sorted(loop.divergence.found.items()),
        "stopping": loop.stopping.numbers() if loop.stopping else None,
        "settled_at": sorted(loop.refreshed.settled_at.items()),
        "timed_out": loop.timed_out,
    }
    return tensors, numbers


def restore_loop(
    loop: "TrainingLoop", tensors: Mapping[str, Tensor], numbers: Mapping[str, Any]
) -> None:
    """Bring a loop that was made with the same arguments to the state."""
    loop.phase, loop.epoch, loop.step = numbers["position"]
    loop.seconds_before, loop.timed_out = numbers["seconds"], numbers["timed_out"]
    loop.rows = [(epoch, split, values) for epoch, split, values in numbers["rows"]]
    loop.divergence.found = {
        index: (epoch, reason) for index, (epoch, reason) in numbers["diverged_at"]
    }
    with torch.no_grad():
        for name, tensor in loop.model.state_dict().items():
            tensor.copy_(tensors[f"model.{name}"])
    device = loop.data.device
    # In the order of the terms: their sum depends on it.
    loop.totals = {name: tensors[f"totals.{name}"].to(device) for name in numbers["terms"]}
    if loop.stopping:
        loop.stopping.resume(
            numbers["stopping"],
            {name: tensor.to(device) for name, tensor in _under(tensors, "best").items()},
        )
    loop.refreshed.resume(
        numbers["settled_at"],
        {name: tensor.to(device) for name, tensor in _under(tensors, "refreshed").items()},
    )
    loop.order_at_start = tensors["order"]
    loop.noise.restore(tensors["noise"])
    if loop.phase < len(loop.plan.phases):
        loop.start_optimiser()
        loop.optimiser.n_steps = numbers["n_steps"]
        for name, tensor in loop.optimiser.moments().items():
            tensor.copy_(tensors[f"optimiser.{name}"])
        loop.order.restore(loop.order_at_start)


def _under(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {
        name.removeprefix(f"{prefix}."): tensor
        for name, tensor in tensors.items()
        if name.startswith(f"{prefix}.")
    }
