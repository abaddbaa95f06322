"""The machine itself: how fast it multiplies matrices of a task's shapes and moves memory, by torch
alone, nothing of the project's own.
"""

import time
from collections.abc import Callable

import torch
from protocol import read_rows, serve
from task import Task

SECONDS = 0.5


def dense_rate(task: Task, dtype: str) -> float:
    """Return flop/s of the three products of a decoder's last layer: forward, and the gradients of
    its input and of its weight.
    """
    kind = {"fp32": torch.float32, "bf16": torch.bfloat16}[dtype]
    hidden, weight = (
        torch.randn(task.batch_size, task.n_hidden, dtype=kind),
        torch.randn(task.n_hidden, task.n_vars, dtype=kind),
    )
    upstream = torch.randn(task.batch_size, task.n_vars, dtype=kind)
    seconds = seconds_of(lambda: (hidden @ weight, upstream @ weight.T, hidden.T @ upstream))
    return 6 * task.batch_size * task.n_hidden * task.n_vars / seconds


def sparse_rate(task: Task, data: str) -> float:
    """Return flop/s of the two products of a sparse first layer: a minibatch's rows times the
    weight, and the weight's gradient.

    By ``embedding_bag``, a sum of weighted rows: about three times as fast as torch's product of a
    sparse tensor. That the gradient needs the rows transposed is not counted.
    """
    rows = read_rows(data)[: task.batch_size]
    weight, upstream = (
        torch.randn(task.n_vars, task.n_hidden),
        torch.randn(task.batch_size, task.n_hidden),
    )
    forward, backward = (
        tuple(map(torch.from_numpy, (m.indices, m.indptr, m.data))) for m in (rows, rows.T.tocsr())
    )
    return (
        4
        * rows.nnz
        * task.n_hidden
        / seconds_of(lambda: (sums_of_rows(weight, *forward), sums_of_rows(upstream, *backward)))
    )


def sums_of_rows(
    matrix: torch.Tensor, columns: torch.Tensor, starts: torch.Tensor, values: torch.Tensor
) -> torch.Tensor:
    """Return the product of CSR rows with a matrix."""
    return torch.nn.functional.embedding_bag(
        columns, matrix, starts, mode="sum", per_sample_weights=values, include_last_offset=True
    )


def bandwidth(n_floats: int) -> float:
    """Return bytes/s read and written by adding one array of ``n_floats`` to another: of memory if
    large, of a cache if it fits there.
    """
    a, b = torch.zeros(n_floats), torch.ones(n_floats)
    return 12 * n_floats / seconds_of(lambda: a.add_(b))


def density(data: str) -> float:
    """Return the share of the data's values above zero."""
    rows = read_rows(data)
    return rows.nnz / (rows.shape[0] * rows.shape[1])


def seconds_of(work: Callable[[], object]) -> float:
    """Return the mean seconds of one call, over about ``SECONDS``."""
    work()
    n_calls, started = 0, time.perf_counter()
    while time.perf_counter() < started + SECONDS:
        work()
        n_calls += 1
    return (time.perf_counter() - started) / n_calls


if __name__ == "__main__":
    serve(dense_rate=dense_rate, sparse_rate=sparse_rate, bandwidth=bandwidth, density=density)
