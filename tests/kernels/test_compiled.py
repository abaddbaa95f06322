import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from scipy import special

from latentbench.kernels import compiled

LIBRARY = Path(compiled.__file__).parents[2]
RUN_POISSON = """
import sys
import torch
from latentbench.kernels import log_prob
assert "numba" not in sys.modules, "numba is imported only by who needs it"
log_prob.poisson(torch.ones(1, 2, 3), torch.ones(1, 2, 1), torch.zeros(1, 2, 3))
from latentbench.kernels import compiled
stats = compiled.poisson.stats
print(sum(stats.cache_hits.values()), sum(stats.cache_misses.values()))
"""


def test_exp_is_right_to_two_roundings():
    x = -np.geomspace(1e-8, 87, 5000).astype(np.float32)
    np.testing.assert_allclose([compiled.exp_of_negative(value) for value in x], np.exp(x.astype(np.float64)), rtol=2e-7)
    assert compiled.exp_of_negative(np.float32(0)) == 1
    assert 0 <= compiled.exp_of_negative(np.float32(-1000)) < 2e-38
    assert np.isnan(compiled.exp_of_negative(np.float32("nan")))


def test_log1p_is_right_to_two_roundings_however_small_its_argument():
    r = np.geomspace(1e-30, 1e30, 5000).astype(np.float32)
    np.testing.assert_allclose([compiled.log1p_of_positive(value) for value in r], np.log1p(r.astype(np.float64)), rtol=2.5e-7)
    assert compiled.log1p_of_positive(np.float32(0)) == 0


@pytest.mark.parametrize("theta", [1e-4, 0.3, 7.0, 1e3, 1e6])
@pytest.mark.parametrize("x", [0.0, 1.0, 2.0, 3.5, 15.0, 16.0, 400.0, 1e4, 1e6])
def test_rising_factorials_agree_with_scipy(x, theta):
    rising, slope = compiled.log_rising(x, theta)
    rounding = 1e-15 * special.gammaln(x + theta)  # scipy's own, of the two large terms
    np.testing.assert_allclose(rising, special.gammaln(x + theta) - special.gammaln(theta) - x * np.log(theta), rtol=1e-9, atol=max(1e-9, 8 * rounding))
    np.testing.assert_allclose(slope, theta * (special.digamma(x + theta) - special.digamma(theta)), rtol=1e-9, atol=1e-8)


def test_rising_factorials_vanish_for_a_dispersion_beyond_all_counts():
    assert compiled.log_rising(20.0, 1e15) == pytest.approx((190 / 1e15, 20), abs=1e-12)


def test_a_second_process_compiles_nothing(tmp_path):
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path), "PYTHONPATH": str(LIBRARY)}
    hits_and_misses = [
        subprocess.run([sys.executable, "-c", RUN_POISSON], env=environment, check=True, capture_output=True, text=True).stdout.split() for _ in range(2)
    ]
    assert hits_and_misses == [["0", "1"], ["1", "0"]]
