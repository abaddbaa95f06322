"""Calls side by side, each in a forked process of one thread that shares the parent's memory
read-only; what became of each is told, not raised.
"""

import multiprocessing
import os
import pickle
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from typing import Any

import torch

from latentbench.training import interruption


@dataclass(frozen=True)
class Died:
    """A worker that ended without an answer: killed by a signal (by the kernel, when memory runs
    out: SIGKILL), or its memory ran out in an allocation.
    """

    reason: str


def side_by_side(
    function: Callable[..., Any],
    calls: Sequence[tuple],
    *,
    n_workers: int,
    on_progress: Callable[[int, float], None] = lambda index, done: None,
) -> list[Any | Died]:
    """Call ``function(*arguments, on_progress)`` for each tuple of arguments, at most ``n_workers``
    at a time; return results in order.

    The numbers are the same for any ``n_workers``, since every call has one thread. A worker that
    dies gives a ``Died``, and so does an allocation that fails. A fork takes no thread along: those
    of the libraries at hand sleep between calls (OpenBLAS, which starts its own anew in a child)
    or were made ready for it (allocators), and torch has one thread by now.

    Raises:
        Interrupted: the process was asked to stop; the workers have been, too.
        Exception: what a call raised.
    """
    torch.set_num_threads(1)
    if "fork" not in multiprocessing.get_all_start_methods():
        return [
            _answer(function, call, lambda done, index=index: on_progress(index, done))
            for index, call in enumerate(calls)
        ]
    context, results = multiprocessing.get_context("fork"), {}
    waiting, running = list(range(len(calls))), {}
    with ExitStack() as children:
        while waiting or running:
            while waiting and len(running) < n_workers:
                index = waiting.pop(0)
                receiver, sender = context.Pipe(duplex=False)
                process = context.Process(
                    target=_work, args=(sender, os.getpid(), function, calls[index])
                )
                process.start()
                sender.close()
                children.enter_context(interruption.child(process.pid))
                running[receiver] = (index, process)
            for receiver in wait(list(running)):
                index, process = running[receiver]
                for kind, content in _messages(receiver):
                    if kind == "progress":
                        on_progress(index, content)
                    else:
                        results[index] = (kind, content)
                if receiver.closed:
                    process.join()
                    del running[receiver]
                    results.setdefault(index, ("result", Died(_how(process.exitcode))))
    return [_unwrapped(*results[index]) for index in range(len(calls))]


def _work(sender: Connection, parent: int, function: Callable[..., Any], call: tuple) -> None:
    """Be a worker: send progress while calling, then the result or the error."""
    interruption.become_child(parent)
    try:
        message = (
            "result",
            _answer(
                function, call, lambda done: sender.send_bytes(pickle.dumps(("progress", done)))
            ),
        )
    except BaseException as error:  # sent to the parent, which raises it
        message = ("error", error)
    # Bytes, not send(): torch would pass tensors as files in shared memory, of which a process may
    # have only so many.
    sender.send_bytes(pickle.dumps(message))
    sender.close()


def _answer(
    function: Callable[..., Any], call: tuple, on_progress: Callable[[float], None]
) -> Any | Died:
    try:
        return function(*call, on_progress)
    except (MemoryError, torch.OutOfMemoryError) as error:
        return Died(f"out of memory: {error}")
    except RuntimeError as error:
        if "can't allocate memory" in str(error):
            return Died(f"out of memory: {error}")
        raise


def _messages(receiver: Connection) -> Iterator[tuple[str, Any]]:
    """Return what has arrived; close the pipe at its end."""
    try:
        while receiver.poll():
            yield pickle.loads(receiver.recv_bytes())
    except EOFError:
        receiver.close()


def _unwrapped(kind: str, content: Any) -> Any:
    if kind == "error":
        raise content
    return content


def _how(exit_code: int | None) -> str:
    if exit_code is not None and exit_code < 0:
        name = signal.Signals(-exit_code).name
        return f"its process was killed by {name}" + (
            ", as the kernel does when memory runs out" if -exit_code == signal.SIGKILL else ""
        )
    return f"its process ended with status {exit_code} and no answer"
