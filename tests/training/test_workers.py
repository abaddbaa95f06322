import os
import resource
import signal
import time

import pytest
import torch

from latentbench.training.workers import Died, side_by_side


def power(base, exponent, on_progress):
    on_progress(0.5)
    return base**exponent


@pytest.mark.parametrize("n_workers", [1, 3])
def test_results_come_in_the_order_of_the_calls(n_workers):
    seen = []
    assert side_by_side(
        power,
        [(2, n) for n in range(7)],
        n_workers=n_workers,
        on_progress=lambda index, done: seen.append((index, done)),
    ) == [2**n for n in range(7)]
    assert sorted(seen) == [(index, 0.5) for index in range(7)]


def test_large_results_come_whole():
    (result,) = side_by_side(lambda on_progress: torch.arange(3_000_000), [()], n_workers=1)
    assert torch.equal(result, torch.arange(3_000_000))


def test_an_error_is_raised_here():
    def fail(on_progress):
        raise ValueError("lower n_clusters")

    with pytest.raises(ValueError, match="lower n_clusters"):
        side_by_side(fail, [()], n_workers=2)


def test_a_worker_that_is_killed_is_told_and_the_others_go_on():
    def die_or_live(dies, on_progress):
        if dies:
            os.kill(os.getpid(), signal.SIGKILL)
        time.sleep(0.1)
        return "alive"

    died, alive = side_by_side(die_or_live, [(True,), (False,)], n_workers=2)
    assert isinstance(died, Died)
    assert "SIGKILL" in died.reason
    assert alive == "alive"


def test_memory_that_runs_out_is_told():
    def allocate(on_progress):
        resource.setrlimit(resource.RLIMIT_AS, (2**33, 2**33))
        return torch.zeros(2**36)

    (died,) = side_by_side(allocate, [()], n_workers=1)
    assert isinstance(died, Died)
    assert "memory" in died.reason
