"""The fused formulas, which are for a GPU, compiled here for a CPU: the same formulas by the same
compiler, with other loops at its end.
"""

import json
import logging
import os
import shutil
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest
import torch

from latentbench.kernels import fused, log_prob, reference

ROOT = Path(__file__).parents[2]
CPU = torch.device("cpu")
# In a process of its own: torch's compiler cannot follow the checks of types that the tests put
# around every function.
PROGRAM = """
import json
import sys

import torch
from torch.utils._python_dispatch import TorchDispatchMode

from latentbench.kernels import fused, reference


class Operations(TorchDispatchMode):
    count = 0

    def __torch_dispatch__(self, operation, types, args=(), kwargs=None):
        self.count += 1
        return operation(*args, **(kwargs or {}))


def both(backend, name, data, parameters, upstream):
    gradient = backend.gradient(name, data, parameters, upstream)
    return [backend.value(name, data, parameters), *gradient]


name, cpu = sys.argv[1], torch.device("cpu")
found = {"right": fused.is_right(name, cpu, torch.float32)}
found["fused"] = torch._inductor.metrics.generated_kernel_count
with Operations() as one_by_one:
    both(reference, name, *fused.drawn_sample(name, cpu, torch.float32))
found["one_by_one"] = one_by_one.count
found["right_in_bf16"] = fused.is_right(name, cpu, torch.bfloat16)
found["errors"] = []
for n_vars, spread in ((5, 1.0), (40, 10.0), (17, 3.0)):
    sample = fused.drawn_sample(name, cpu, torch.float64, n_vars=n_vars, spread=spread)
    pairs = zip(both(fused, name, *sample), both(reference, name, *sample), strict=True)
    found["errors"] += [
        float(((mine - other).abs() / (1 + other.abs())).max()) for mine, other in pairs
    ]
print(json.dumps(found))
"""


@pytest.fixture(autouse=True)
def forgotten():
    fused.is_right.cache_clear()
    yield
    fused.is_right.cache_clear()


@pytest.mark.slow
@pytest.mark.full
@pytest.mark.skipif(shutil.which("g++") is None, reason="no g++: torch compiles nothing for a CPU")
@pytest.mark.parametrize("name", reference.FORMULAS)
def test_a_fused_formula_gives_what_the_formula_gives_in_few_passes(name):
    environment = os.environ | {
        "PYTHONPATH": str(ROOT / "workflow_scripts"),
        "OMP_NUM_THREADS": "1",
    }
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, name],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert (found["right"], found["right_in_bf16"]) == (True, True)
    assert max(found["errors"]) < 1e-9
    assert 0 < found["fused"] < found["one_by_one"] / 2


def test_where_nothing_can_be_compiled_the_formula_runs_and_the_log_says_so_once(
    monkeypatch, caplog
):
    def no_compiler(*_):
        raise RuntimeError("no C compiler was found\nmore of it")

    monkeypatch.setattr(fused, "_fused", lambda function: no_compiler)
    with caplog.at_level(logging.WARNING):
        assert not fused.is_right("poisson", CPU, torch.float32)
        assert not fused.is_right("poisson", CPU, torch.float32)
    assert [record.getMessage() for record in caplog.records] == [
        "poisson is not fused on cpu, which costs time: RuntimeError: no C compiler was found"
    ]


@pytest.mark.parametrize("broken", ["value", "gradient"])
@pytest.mark.parametrize("wrong", [1.01, float("nan")])
def test_a_fused_formula_that_is_wrong_is_not_used(broken, wrong, monkeypatch, caplog):
    def times_wrong(function, *arguments):
        result = function(*arguments)
        if function.__name__ != broken:
            return result
        return (
            result * wrong
            if isinstance(result, torch.Tensor)
            else (*result[:-1], result[-1] * wrong)
        )

    monkeypatch.setattr(fused, "_fused", lambda function: partial(times_wrong, function))
    assert not fused.is_right("zero_inflated_negative_binomial", CPU, torch.float32)
    assert "the fused form is off" in caplog.text


def test_a_gpu_has_the_fused_form_where_it_is_right(monkeypatch):
    monkeypatch.setattr(fused, "is_right", lambda name, device, dtype: name == "poisson")
    assert log_prob.load_backend("poisson", torch.device("cuda"), torch.float32) is fused
    assert log_prob.load_backend("bernoulli", torch.device("cuda"), torch.float32) is reference
