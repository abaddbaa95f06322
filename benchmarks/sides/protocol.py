"""How the driver of a benchmark talks to a side: a process of its own environment that works when
it is told to and answers with what it measured.
"""

import json
import sys
from collections.abc import Callable

import torch
from scipy import sparse
from task import Task


def serve(**commands: Callable[..., object]) -> None:
    """Answer JSON lines ``[command, {option: value}]`` on stdin with one JSON line each, until
    stdin ends.

    The option ``task`` arrives as a ``Task``. Every side also knows ``sees_gpu``.
    """
    answers = sys.stdout
    sys.stdout = sys.stderr  # a library that prints must not mix with the answers
    commands["sees_gpu"] = torch.cuda.is_available
    for line in sys.stdin:
        name, options = json.loads(line)
        if "task" in options:
            options["task"] = Task(**options["task"])
        answers.write(json.dumps(commands[name](**options)) + "\n")
        answers.flush()


def read_rows(data: str) -> sparse.csr_matrix:
    """Return the float32 values that the driver wrote, (obs, vars)."""
    return sparse.csr_matrix(sparse.load_npz(data))


def read_dense(data: str) -> torch.Tensor:
    """Return the same values as a dense tensor."""
    return torch.from_numpy(read_rows(data).toarray())
