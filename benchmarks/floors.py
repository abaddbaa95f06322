"""The least time that a training step can take on a machine of given rates.

    t_cell = 6 G H / P_dense + 4 rho G H / P_sparse + 1.6 ns G / cores + 28 N / (B bandwidth)
        (1)
    t_arithmetic = (6 G H + 4 rho G H) / P_dense
        (2)

G genes, H hidden units, rho the share of values above zero, N parameters, B cells a minibatch. Per
cell: three products of the decoder's last layer with 2 G H flops each (forward, and the gradients
of its input and of its weight); two of the first layer, which has no gradient of its input; 1.6 ns
a gene for the likelihood and its gradient (an exp, a log and a divide in vector instructions); and
Adam, which reads or writes 28 bytes of every parameter a step. Where the first layer is dense, rho
is 1 and its products run at P_dense. (2) supposes that a sparse product runs as fast as a dense
one, and all else is free.
"""

from dataclasses import dataclass

from sides.task import Task

LIKELIHOOD_SECONDS_PER_VAR = 1.6e-9
ADAM_BYTES_PER_PARAMETER = 28


@dataclass(frozen=True)
class Rates:
    """What ``n_cores`` cores do together: flop/s of dense (at one precision) and sparse products,
    bytes/s.
    """

    n_cores: int
    dense: float
    sparse: float
    bandwidth: float


def floor_terms(
    task: Task, rates: Rates, *, density: float, sparse_input: bool
) -> dict[str, float]:
    """Return the terms of (1) in seconds a cell, by what they are spent on; ``density`` is rho,
    counted only where ``sparse_input``.
    """
    size = task.n_vars * task.n_hidden
    first_layer = 4 * density * size / rates.sparse if sparse_input else 4 * size / rates.dense
    return {
        "decoder": 6 * size / rates.dense,
        "first layer": first_layer,
        "likelihood": LIKELIHOOD_SECONDS_PER_VAR * task.n_vars / rates.n_cores,
        "Adam": ADAM_BYTES_PER_PARAMETER * n_parameters(task) / (task.batch_size * rates.bandwidth),
    }


def arithmetic_floor(task: Task, rates: Rates, *, density: float, sparse_input: bool) -> float:
    """Return (2) in seconds a cell."""
    return (6 + 4 * (density if sparse_input else 1)) * task.n_vars * task.n_hidden / rates.dense


def n_parameters(task: Task) -> int:
    """Return how many parameters the network of an NB VAE has: no bias before batch normalisation,
    theta of every gene.
    """
    encoder = (
        task.n_vars * task.n_hidden + 2 * task.n_hidden + (task.n_hidden + 1) * 2 * task.n_latent
    )
    decoder = task.n_latent * task.n_hidden + 2 * task.n_hidden + (task.n_hidden + 1) * task.n_vars
    return encoder + decoder + task.n_vars
