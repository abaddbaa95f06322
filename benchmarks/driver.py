"""The driver's half of a benchmark: starts the sides, asks them in turn, so that whatever slows the
machine down slows all of them down.
"""

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from contextlib import ExitStack, suppress
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
from sides.task import Task
from simulated_data import write_simulated

from latentbench.logs import logger

HERE = Path(__file__).parent
RESULTS = HERE.parent / "results" / "benchmarks"
THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "MKL_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "NUMBA_NUM_THREADS",
)


class Side:
    """A process of ``benchmarks/sides`` in its own environment, which waits while another works.
    Its messages go to results/benchmarks/sides/{name}.log.
    """

    def __init__(
        self, name: str, script: str, *, python: str = sys.executable, n_threads: int = 1
    ) -> None:
        self.name = name
        self.log = RESULTS / "sides" / f"{name}.log"
        self.log.parent.mkdir(parents=True, exist_ok=True)
        environment = {
            **os.environ,
            **dict.fromkeys(THREAD_VARIABLES, str(n_threads)),
            "PYTHONPATH": str(HERE.parent / "workflow_scripts"),
        }
        with open(self.log, "w") as log:
            self.process = subprocess.Popen(
                [python, str(HERE / "sides" / script)],
                env=environment,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )

    def ask(self, command: str, **options: Any) -> Any:
        """Send a command and return its answer."""
        self.start(command, **options)
        return self.answer()

    def start(self, command: str, **options: Any) -> None:
        """Send a command without waiting for its answer: several sides can work at the same time.

        Raises:
            RuntimeError: the process has ended.
        """
        if "task" in options:
            options["task"] = vars(options["task"])
        try:
            self.process.stdin.write(json.dumps([command, options]) + "\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            raise self._ended() from None

    def answer(self) -> Any:
        """Wait for the answer of the command that was started.

        Raises:
            RuntimeError: the process has ended.
        """
        answer = self.process.stdout.readline()
        if not answer:
            raise self._ended()
        return json.loads(answer)

    def _ended(self) -> RuntimeError:
        last = self.log.read_text(errors="replace").strip().splitlines()[-1:]
        return RuntimeError(
            f"the side {self.name} ended: {''.join(last)} (its messages: {self.log})"
        )

    def __enter__(self) -> "Side":
        return self

    def __exit__(self, *error: object) -> None:
        """Let the process end; one that is at work when the driver stops on an error is ended."""
        if any(error):
            self.process.terminate()
        with suppress(BrokenPipeError):
            self.process.stdin.close()
        self.process.wait()


def open_sides(stack: ExitStack, *sides: Side, device: str = "cpu") -> dict[str, Side]:
    """Return the sides by name, all ready and to be closed with ``stack``.

    On a GPU that one of them does not see the benchmark ends here, with a sentence and without an
    error: a machine without one is no mistake.
    """
    for side in sides:
        stack.enter_context(side)
    blind = [side.name for side in sides if not side.ask("sees_gpu")]
    if device == "cuda" and blind:
        sys.stdout.write(
            f"Skipped on the GPU: torch sees none in the environment of {', '.join(blind)}.\n"
        )
        sys.exit(0)
    return {side.name: side for side in sides}


def interleaved(questions: Mapping[str, Callable[[int], float]], *, rounds: int) -> pd.DataFrame:
    """Ask every question once a round and return (side, round, answer); the round before the first
    warms up and is thrown away.

    A question is given the number of its round, as a seed. The order turns from round to round.
    """
    names = list(questions)
    answers: dict[str, list[float]] = {name: [] for name in names}
    for number in range(rounds + 1):
        start = number % len(names)
        for name in names[start:] + names[:start]:
            answers[name].append(questions[name](number))
            logger.info("round %d  %s  %.5g", number, name, answers[name][-1])
    rows = [
        (name, number, answer)
        for name, of_name in answers.items()
        for number, answer in enumerate(of_name)
        if number > 0
    ]
    return pd.DataFrame(rows, columns=["side", "round", "answer"])


def microseconds_a_cell(
    questions: Mapping[str, Callable[[int], float]], task: Task, *, rounds: int
) -> pd.DataFrame:
    """Ask for seconds of an epoch of one model, interleaved, and return (side, round,
    us_per_cell).
    """
    frame = interleaved(questions, rounds=rounds)
    frame["us_per_cell"] = frame.pop("answer") / task.n_train * 1e6
    return frame


PEER_EPOCHS = 2
"""Epochs of a training of another package: its epochs are all alike, where this project's are
not (one in five is logged)."""


def time_one_model(
    sides: Mapping[str, Side],
    tasks: Mapping[str, Task],
    folder: str,
    *,
    rounds: int,
    epochs: int,
    device: str,
) -> pd.DataFrame:
    """Let every side train one model of every task, a new seed a round, and return (task, side,
    round, us_per_cell); ``epochs`` are those of this project.
    """
    parts = []
    for task_name, task in tasks.items():
        training = {"data": written(task, folder), "task": task, "device": device}
        n_epochs = {name: epochs if name == "latentbench" else PEER_EPOCHS for name in sides}
        questions = {
            name: partial(_train_one, side, {**training, "epochs": n_epochs[name]})
            for name, side in sides.items()
        }
        parts.append(microseconds_a_cell(questions, task, rounds=rounds).assign(task=task_name))
    return pd.concat(parts, ignore_index=True)


def _train_one(side: Side, training: dict[str, Any], seed: int) -> float:
    return side.ask("train", seeds=[seed], **training)


def written(task: Task, folder: str) -> str:
    """Return the file with the simulated data of a task, written if it is not there; it depends on
    the task's shape alone.
    """
    kind = "counts" if task.is_counts else "pixels"
    path = Path(folder) / f"{kind}_{task.n_train + task.n_test}_{task.n_vars}.npz"
    if not path.exists():
        write_simulated(task, path)
    return str(path)


def arguments(
    description: str, *, rounds: int, epochs: int | None = None
) -> argparse.ArgumentParser:
    """Return the parser of the options that every benchmark of times has, with the defaults of a
    quick one; no ``epochs`` where nothing is trained.
    """
    parser = argparse.ArgumentParser(description=description.splitlines()[0])
    parser.add_argument(
        "--rounds",
        type=int,
        default=rounds,
        help="interleaved rounds that count (default: %(default)s)",
    )
    if epochs is not None:
        parser.add_argument(
            "--epochs",
            type=int,
            default=epochs,
            help="epochs of a training of this project (default: %(default)s)",
        )
    return parser


def add_peers(parser: argparse.ArgumentParser) -> None:
    """Add the option that names the environment of the other packages."""
    parser.add_argument(
        "--peers",
        required=True,
        metavar="PYTHON",
        help="Python of the environment with the packages of requirements.txt",
    )


def add_device(parser: argparse.ArgumentParser) -> None:
    """Add the choice between CPU and GPU."""
    parser.add_argument(
        "--device",
        choices=("cpu", "cuda"),
        default="cpu",
        help="where all sides train (default: %(default)s)",
    )
