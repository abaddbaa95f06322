import sys
from pathlib import Path

import pytest

# The sides import each other as scripts beside each other do.
sys.path.append(str(Path(__file__).parents[2] / "benchmarks/sides"))

from driver import written
from sides.task import Task, mnist_sized
from step_parts import KERNELS, STACKS, parts_of

TINY = {"n_train": 64, "n_test": 32, "n_hidden": 16, "n_latent": 2, "batch_size": 32}


@pytest.mark.slow
@pytest.mark.parametrize("likelihood", ["nb", "zinb", "gaussian"])
def test_every_kernel_that_a_step_uses_is_found_in_its_profile(likelihood, tmp_path):
    task = (
        Task(likelihood, n_vars=30, **TINY)
        if likelihood != "gaussian"
        else Task(**{**vars(mnist_sized(likelihood, n_train=64)), **TINY})
    )
    parts = parts_of(task, written(task, str(tmp_path)), rounds=1).set_index("part")["us_per_cell"]
    absent = {"sparse first layer"} if likelihood == "gaussian" else set()
    assert {part for part in KERNELS if parts[part] == 0} == absent
    assert min(parts[f"stack of {n}"] for n in STACKS) > 0
