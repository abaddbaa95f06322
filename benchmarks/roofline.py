"""How near a training step comes to what this machine can do at all.

The rates of matrix products and of memory are measured between the rounds of the training itself,
on one core and on several; floors.py turns them into least times.
"""

import tempfile
from contextlib import ExitStack
from functools import partial

import pandas as pd
from driver import RESULTS, Side, arguments, interleaved, open_sides, written
from figures import roofline_figure
from floors import Rates, arithmetic_floor, floor_terms, n_parameters
from publishing import publish
from sides.task import Task

from latentbench.logs import log_to

TASK = Task("nb")
VARIANTS = {
    "dense fp32": ("fp32", False),
    "sparse fp32": ("fp32", True),
    "sparse bf16": ("bf16", True),
}
"""Precision of the dense products, and whether the first layer reads sparse rows."""

TRAINING = "latentbench, s a cell"
STREAM_FLOATS = 2**25
"""An array far larger than any cache."""


def main(*, cores: int, rounds: int, epochs: int) -> None:
    """Measure rates and training on one core and on ``cores``, and publish."""
    with ExitStack() as stack, tempfile.TemporaryDirectory() as folder:
        data = written(TASK, folder)
        sides = open_sides(
            stack,
            *(Side(f"machine {core}", "machine_side.py") for core in range(cores)),
            Side("latentbench", "latentbench_side.py"),
        )
        ours, machines = sides.pop("latentbench"), list(sides.values())
        density = machines[0].ask("density", data=data)
        questions = {}
        for n_cores in sorted({1, cores}):
            for quantity, (command, options) in rates_of(data).items():
                questions[quantity, n_cores] = partial(
                    ask_together, machines[:n_cores], command, options
                )
            questions[TRAINING, n_cores] = partial(seconds_a_cell, ours, data, epochs, n_cores)
        measured = interleaved(questions, rounds=rounds)
    measured[["quantity", "cores"]] = pd.DataFrame(
        measured.pop("side").tolist(), index=measured.index
    )
    medians = measured.groupby(["cores", "quantity"], sort=False)["answer"].median()
    floors = pd.concat(
        [
            floors_of(n_cores, medians[n_cores], density)
            for n_cores in medians.index.unique("cores")
        ],
        ignore_index=True,
    )
    publish(
        "roofline",
        roofline_figure(floors),
        rounds=measured,
        rates=medians.reset_index(),
        summary=floors,
    )


def rates_of(data: str) -> dict[str, tuple[str, dict]]:
    """Return what the machine is asked for: quantity -> command of machine_side.py and its
    options.
    """
    return {
        "dense fp32, flop/s": ("dense_rate", {"task": TASK, "dtype": "fp32"}),
        "dense bf16, flop/s": ("dense_rate", {"task": TASK, "dtype": "bf16"}),
        "sparse fp32, flop/s": ("sparse_rate", {"task": TASK, "data": data}),
        "bandwidth of the parameters, B/s": ("bandwidth", {"n_floats": n_parameters(TASK)}),
        "bandwidth of memory, B/s": ("bandwidth", {"n_floats": STREAM_FLOATS}),
    }


def ask_together(machines: list[Side], command: str, options: dict, number: int) -> float:
    """Return the sum of the rates of several processes that work at the same time."""
    for machine in machines:
        machine.start(command, **options)
    return sum(machine.answer() for machine in machines)


def seconds_a_cell(ours: Side, data: str, epochs: int, n_cores: int, number: int) -> float:
    """Return the seconds of a cell, epoch and model: one model on one core, on more cores two
    models a core, all that ``fit`` does counted.
    """
    training = {
        "data": data,
        "task": TASK,
        "epochs": epochs,
        "seeds": [100 * number + seed for seed in range(2 * n_cores if n_cores > 1 else 1)],
    }
    seconds = (
        ours.ask("train", device="cpu", **training)
        if n_cores == 1
        else ours.ask("train_side_by_side", n_workers=n_cores, **training)
    )
    return seconds / TASK.n_train


def floors_of(n_cores: int, medians: pd.Series, density: float) -> pd.DataFrame:
    """Return one row for each variant: the terms of the floor, the floors and the training in
    microseconds a cell, and the shares reached in %.
    """
    rows = []
    for variant, (precision, sparse_input) in VARIANTS.items():
        rates = Rates(
            n_cores,
            medians[f"dense {precision}, flop/s"],
            medians["sparse fp32, flop/s"],
            medians["bandwidth of the parameters, B/s"],
        )
        terms = floor_terms(TASK, rates, density=density, sparse_input=sparse_input)
        least = {
            "floor": sum(terms.values()),
            "arithmetic floor": arithmetic_floor(
                TASK, rates, density=density, sparse_input=sparse_input
            ),
        }
        shares = {
            f"share of {name}, %": 100 * seconds / medians[TRAINING]
            for name, seconds in least.items()
        }
        microseconds = {
            name: 1e6 * seconds
            for name, seconds in {**terms, **least, "latentbench": medians[TRAINING]}.items()
        }
        rows.append({"cores": n_cores, "variant": variant, **microseconds, **shares})
    return pd.DataFrame(rows)


if __name__ == "__main__":
    parser = arguments(__doc__, rounds=3, epochs=5)
    parser.add_argument(
        "--cores",
        type=int,
        default=2,
        help="how many cores the second measurement takes (default: %(default)s)",
    )
    options = parser.parse_args()
    log_to(RESULTS / "roofline.log")
    main(**vars(options))
