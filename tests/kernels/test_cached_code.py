"""The process that compiles a kernel and those that load it from the cache must come to the same
bytes.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PROGRAM = """
import hashlib
import numpy as np
import torch
from scipy import sparse
from latentbench.kernels import cpu
from latentbench.kernels.sparse_rows import sparse_linear, sparse_rows

torch.manual_seed(0)
counts = sparse.csr_array(np.random.default_rng(0).poisson(0.4, (64, 765)).astype(np.float32))
cells = sparse_rows(counts).gather(torch.arange(64)[None])
sizes, log_theta = torch.full((1, 64, 1), 300.0), 0.3 * torch.randn(1, 1, 765)
upstream, pixels = torch.full((1, 64), -1 / 64), torch.rand(1, 64, 765)
made = {}
for logits in (torch.randn(1, 64, 765), torch.randn(1, 64, 765).bfloat16()):
    families = {
        "negative_binomial": ((cells, sizes), (logits, log_theta)),
        "zero_inflated_negative_binomial": ((cells, sizes), (logits, log_theta, logits)),
        "poisson": ((cells, sizes), (logits,)),
        "bernoulli": ((pixels,), (logits,)),
        "continuous_bernoulli": ((pixels,), (logits,)),
        "gaussian": ((pixels,), (logits, torch.zeros(1, 1, 1))),
    }
    for name, (data, parameters) in families.items():
        made[name, logits.dtype] = [
            cpu.value(name, data, parameters),
            *cpu.gradient(name, data, parameters, upstream),
        ]
weight = torch.randn(1, 765, 150, requires_grad=True)
product = sparse_linear(cells, weight)
made["sparse rows"] = [product, *torch.autograd.grad(product.square().sum(), weight)]
for name, tensors in made.items():
    arrays = [tensor.detach().float().numpy() for tensor in tensors]
    print(name, *(hashlib.sha256(array.tobytes()).hexdigest() for array in arrays))
"""


@pytest.mark.slow
def test_the_first_process_and_later_ones_come_to_the_same_bytes(tmp_path):
    environment = os.environ | {
        "PYTHONPATH": str(ROOT / "workflow_scripts"),
        "NUMBA_CACHE_DIR": str(tmp_path),
        "OMP_NUM_THREADS": "1",
    }
    first, later = (
        subprocess.run(
            [sys.executable, "-c", PROGRAM],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        for _ in range(2)
    )
    assert first.returncode == 0, first.stderr
    assert list(tmp_path.rglob("*.nbi")), "the second process has something to load"
    assert first.stdout.splitlines() == later.stdout.splitlines()
