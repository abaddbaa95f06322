"""What changes in the parts of a training, as tensors and plain numbers: what a checkpoint holds.
Every part says its own (``state``) and goes back to it (``restore``).
"""

from collections.abc import Mapping
from typing import Any, NamedTuple, Protocol, runtime_checkable

from torch import Tensor


class State(NamedTuple):
    """Tensors by name, and what JSON can hold."""

    tensors: Mapping[str, Tensor]
    numbers: Mapping[str, Any]


@runtime_checkable
class Stateful(Protocol):
    """A part with a state."""

    def state(self) -> State:
        """Return what changes."""
        ...

    def restore(self, state: State) -> None:
        """Go back to a state of a part that was made in the same way."""
        ...


def joined(parts: Mapping[str, State]) -> State:
    """Return the states of named parts as one."""
    return State(
        {
            f"{name}.{key}": tensor
            for name, state in parts.items()
            for key, tensor in state.tensors.items()
        },
        {name: dict(state.numbers) for name, state in parts.items()},
    )


def part_of(state: State, name: str) -> State:
    """Return the state of one part."""
    return State(
        {
            key.removeprefix(f"{name}."): tensor
            for key, tensor in state.tensors.items()
            if key.startswith(f"{name}.")
        },
        state.numbers[name],
    )
