"""Counts that are larger than memory, from a simulation to a trained epoch: seconds and memory of
each step, each in a process of its own.

The scratch folder (by default a temporary one that is removed) keeps raw.h5ad and prepared.h5ad; a
file that is there already is not made again, and what made it not measured. Writes
results/benchmarks/out_of_core.tsv, in which a new measurement takes the place of an old one of the
same size.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import h5py
import pandas as pd
from driver import RESULTS

from latentbench.files.artefacts import write_table

ROOT = Path(__file__).parents[1]
STREAM_ABOVE_GB = 0.0
OPTIONS = {
    "preset": "counts_standard",
    "options": {},
    "split": {},
    "subset": {},
    "held_out": 0.2,
    "stream_above_gb": STREAM_ABOVE_GB,
}
ROW = {
    "dataset": "simulated",
    "modality": "counts",
    "label": "group",
    "batch": "batch",
    "n_clusters": 12,
}

# What every step runs, with its arguments as JSON; its last line of output says what it took.
STEP = """
import json, logging, resource, sys, time
logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
sys.path.insert(0, "workflow_scripts")
from {module} import {function}
from latentbench.study.variant import Variant
arguments = json.loads(sys.argv[1])
positional = [
    Variant(**each) if isinstance(each, dict) else each for each in arguments["positional"]
]
started = time.perf_counter()
{function}(*positional, **arguments["named"])
seconds = time.perf_counter() - started
used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
took = {{
    "cpu_seconds": sum(each.ru_utime + each.ru_stime for each in used),
    "peak_rss_gib": sum(each.ru_maxrss for each in used) / 2**20,
}}
print(json.dumps({{"seconds": seconds, **took}}))
"""


def main(n_obs: int, n_vars: int, scratch: Path) -> None:
    """Run the steps whose files are not there yet, and the training."""
    raw, prepared = scratch / "raw.h5ad", scratch / "prepared.h5ad"
    row = {**ROW, "sources": [f"simulate:counts_{n_obs}x{n_vars}"]}
    training = {
        "kind": "vae",
        "likelihood": "nb",
        "hyperparameters": {"n_latent": 10},
        "task": {},
        "training": {"epochs": 1},
    }
    steps = [
        (
            "simulate and write raw.h5ad",
            raw,
            "download.main",
            [raw],
            {"row": row, "mirror": None, "cache": str(scratch), "stream_above_gb": STREAM_ABOVE_GB},
        ),
        ("preprocess to prepared.h5ad", prepared, "preprocess.main", [raw, prepared], OPTIONS),
        (
            "train one epoch",
            None,
            "latentbench.training.variant.train_variant",
            [prepared, training],
            {"seeds": [0], "n_workers": 1, "device": "cpu"},
        ),
    ]
    for name, made, function, files, named in steps:
        if made is not None and made.exists():
            sys.stdout.write(f"{name}: {made} is there\n")
            continue
        took = measured(
            function, [each if isinstance(each, dict) else str(each) for each in files], named
        )
        record = {
            "step": name,
            "cells": n_obs,
            "genes": n_vars,
            "density": density(raw),
            **took,
            "file_gb": made.stat().st_size / 1e9 if made else None,
        }
        sys.stdout.write(f"{record}\n")
        record_measurement(record, RESULTS / "out_of_core.tsv")


def measured(
    function: str, positional: list[str | dict], named: Mapping[str, Any]
) -> dict[str, float]:
    """Call a function in a fresh process and return its seconds (imports apart), processor seconds,
    and peak memory with that of its largest worker (GiB).

    Raises:
        subprocess.CalledProcessError: it failed; what it said stands above.
    """
    module, _, name = function.rpartition(".")
    command = [
        sys.executable,
        "-c",
        STEP.format(module=module, function=name),
        json.dumps({"positional": positional, "named": named}),
    ]
    run = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(run.stdout.splitlines()[-1])


def record_measurement(record: Mapping[str, Any], path: Path) -> None:
    """Write a measurement into the table in place of one of the same step and size."""
    known = pd.read_csv(path, sep="\t").to_dict("records") if path.exists() else []
    key = ("step", "cells", "genes")
    others = [row for row in known if any(row[name] != record[name] for name in key)]
    write_table(pd.DataFrame([*others, record]).round(4), path)


def density(raw: Path) -> float:
    """Return the share of values above 0."""
    with h5py.File(raw) as file:
        n_obs, n_vars = file["X"].attrs["shape"]
        return float(file["X/data"].shape[0] / n_obs / n_vars)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("cells", type=int)
    parser.add_argument("genes", type=int)
    parser.add_argument(
        "scratch",
        type=Path,
        nargs="?",
        help="folder that keeps the files (default: a temporary one)",
    )
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        place = (options.scratch or Path(temporary)).absolute()
        place.mkdir(parents=True, exist_ok=True)
        main(options.cells, options.genes, place)
