import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from scipy import special

from latentbench.kernels import arithmetic, compiling, rising_factorials

LIBRARY = compiling.FOLDER.parents[1]
RUN_POISSON = """
import sys
import torch
from latentbench.kernels import log_prob
assert "numba" not in sys.modules, "numba is imported only by who needs it"
log_prob.poisson(torch.ones(1, 2, 3), torch.ones(1, 2, 1), torch.zeros(1, 2, 3))
from latentbench.kernels.compiled_counts import poisson
stats = poisson.stats
print(sum(stats.cache_hits.values()), sum(stats.cache_misses.values()))
"""


def test_exp_is_right_to_two_roundings():
    x = -np.geomspace(1e-8, 87, 5000).astype(np.float32)
    np.testing.assert_allclose(
        [arithmetic.exp_of_negative(value) for value in x], np.exp(x.astype(np.float64)), rtol=2e-7
    )
    assert arithmetic.exp_of_negative(np.float32(0)) == 1
    assert 0 <= arithmetic.exp_of_negative(np.float32(-1000)) < 2e-38
    assert np.isnan(arithmetic.exp_of_negative(np.float32("nan")))


def test_log1p_is_right_to_two_roundings_however_small_its_argument():
    r = np.geomspace(1e-30, 1e30, 5000).astype(np.float32)
    np.testing.assert_allclose(
        [arithmetic.log1p_of_positive(value) for value in r],
        np.log1p(r.astype(np.float64)),
        rtol=2.5e-7,
    )
    assert arithmetic.log1p_of_positive(np.float32(0)) == 0


@pytest.mark.parametrize("theta", [1e-4, 0.3, 7.0, 1e3, 1e6])
@pytest.mark.parametrize("x", [0.0, 1.0, 2.0, 3.5, 15.0, 16.0, 400.0, 1e4, 1e6])
def test_rising_factorials_agree_with_scipy(x, theta):
    rising, slope = rising_factorials.log_rising(x, theta)
    rounding = 1e-15 * special.gammaln(x + theta)  # scipy's own, of the two large terms
    np.testing.assert_allclose(
        rising,
        special.gammaln(x + theta) - special.gammaln(theta) - x * np.log(theta),
        rtol=1e-9,
        atol=max(1e-9, 8 * rounding),
    )
    np.testing.assert_allclose(
        slope, theta * (special.digamma(x + theta) - special.digamma(theta)), rtol=1e-9, atol=1e-8
    )


def test_rising_factorials_vanish_for_a_dispersion_beyond_all_counts():
    assert rising_factorials.log_rising(20.0, 1e15) == pytest.approx((190 / 1e15, 20), abs=1e-12)


def hits_and_misses(library: Path, cached_code: Path) -> list[str]:
    """Ask for a likelihood in a new process; return how many kernels it found in the cache and how
    many it compiled.
    """
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(cached_code), "PYTHONPATH": str(library)}
    return subprocess.run(
        [sys.executable, "-c", RUN_POISSON],
        env=environment,
        check=True,
        capture_output=True,
        text=True,
    ).stdout.split()


def test_a_second_process_compiles_nothing(tmp_path):
    assert [hits_and_misses(LIBRARY, tmp_path) for _ in range(2)] == [["0", "1"], ["1", "0"]]


def test_cached_code_is_stale_once_a_file_that_a_kernel_calls_has_changed(tmp_path):
    shutil.copytree(
        LIBRARY / "latentbench",
        tmp_path / "library/latentbench",
        ignore=shutil.ignore_patterns("__pycache__"),
    )
    assert hits_and_misses(tmp_path / "library", tmp_path / "cached") == ["0", "1"]
    called = tmp_path / "library/latentbench/kernels/arithmetic.py"
    called.write_text(called.read_text().replace("0.693359375", "0.69335937"))
    assert hits_and_misses(tmp_path / "library", tmp_path / "cached") == ["0", "1"]
    assert hits_and_misses(tmp_path / "library", tmp_path / "cached") == ["1", "0"]
