"""One NB (or ZINB) VAE on one thread: this project against scvi-tools and a plain loop, interleaved, in microseconds a cell, epoch and model.

    python benchmarks/training_step.py PYTHON_OF_SCVI_TOOLS [nb|zinb] [rounds] [epochs of the quality check, 0 for none]

Every side is a process of its own that waits while another trains. What counts is the ratio of medians in one run; held-out -ELBOs are all scored by
scvi-tools' module in eval mode.
"""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
from simulated_counts import N_OBS, N_TEST, simulated_counts

from latentbench.artefacts import write_table
from latentbench.logs import log_to, logger

HERE = Path(__file__).parent
RESULT = HERE.parent / "results" / "benchmarks"
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS"), "1")


class Side:
    """A process of ``benchmarks/sides``."""

    def __init__(self, python: str, script: str, *arguments: str) -> None:
        environment = {**os.environ, **ONE_THREAD, "PYTHONPATH": str(HERE.parent / "workflow_scripts")}
        self.process = subprocess.Popen(
            [python, str(HERE / "sides" / script), *arguments],
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )

    def ask(self, *command: object) -> float:
        """Send a command and wait for its answer."""
        self.process.stdin.write(json.dumps(command) + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        if not answer:
            raise RuntimeError(f"{self.process.args} ended at {command}; run it alone to see why")
        return json.loads(answer)

    def close(self) -> None:
        """Let the process end."""
        self.process.stdin.close()
        self.process.wait()


def main(scvi_python: str, *, likelihood: str = "nb", rounds: int = 7, quality_epochs: int = 0) -> None:
    """Measure and write results/benchmarks/training_step_{likelihood}.tsv."""
    counts = simulated_counts()
    logger.info("%d cells x %d genes, %.1f %% non-zero", *counts.shape, 100 * (counts > 0).mean())
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder) / "counts.npy")
        np.save(path, counts)
        arguments = (path, likelihood, str(N_TEST))
        sides = {
            "scvi-tools": Side(scvi_python, "scvi_side.py", *arguments),
            "plain loop": Side(sys.executable, "plain_loop_side.py", *arguments),
            "latentbench": Side(sys.executable, "latentbench_side.py", *arguments),
        }
        seconds: dict[str, list[float]] = {name: [] for name in sides}
        for round_number in range(rounds + 1):
            for name, side in sides.items():
                seconds[name].append(side.ask("train", 2, round_number))
        medians = {name: np.median(values[1:]) / (N_OBS - N_TEST) * 1e6 for name, values in seconds.items()}  # the first round warms up
        table = pd.DataFrame({"side": list(medians), "us_per_cell": list(medians.values())})
        table["times_faster_than_scvi"] = medians["scvi-tools"] / table["us_per_cell"]
        if quality_epochs:
            table["held_out_minus_elbo"] = table["side"].map(_held_out(sides, quality_epochs, Path(folder)))
        for side in sides.values():
            side.close()
    sys.stdout.write(table.to_string(index=False, float_format="{:.2f}".format) + "\n")
    write_table(table, RESULT / f"training_step_{likelihood}.tsv")


def _held_out(sides: dict[str, Side], epochs: int, folder: Path) -> dict[str, float]:
    weights = str(folder / "weights.npz")
    sides["latentbench"].ask("train", epochs, 0)
    sides["latentbench"].ask("save", weights)
    sides["scvi-tools"].ask("train", epochs, 0)
    return {"scvi-tools": sides["scvi-tools"].ask("score"), "latentbench": sides["scvi-tools"].ask("score_weights", weights)}


if __name__ == "__main__":
    log_to(RESULT / "training_step.log")
    main(sys.argv[1], **dict(zip(("likelihood", "rounds", "quality_epochs"), [*sys.argv[2:3], *map(int, sys.argv[3:])], strict=False)))
