"""How long the consensus of several clusterings takes: seconds by number of cells, where the
members differ on some cells and on all of them.
"""

import argparse
import time

import numpy as np
import pandas as pd
from driver import RESULTS
from publishing import write_summary
from threadpoolctl import threadpool_limits

from latentbench.evaluation.consensus import consensus
from latentbench.logs import log_to, logger

N_GROUPS = 20


def members_of(n_obs: int, n_members: int, *, share_disputed: float) -> list[np.ndarray]:
    """Return clusterings of the same groups, of which each puts half of the disputed cells into a
    group at random.
    """
    rng = np.random.default_rng(0)
    groups, disputed = rng.integers(0, N_GROUPS, n_obs), rng.random(n_obs) < share_disputed
    return [
        np.where(disputed & (rng.random(n_obs) < 0.5), rng.integers(0, N_GROUPS, n_obs), groups)
        for _ in range(n_members)
    ]


def main(sizes: list[int], n_members: int, rounds: int) -> None:
    """Time every size on one thread and publish the medians."""
    rows = []
    for n_obs in sizes:
        for share in (0.3, 1.0):
            members, seconds = members_of(n_obs, n_members, share_disputed=share), []
            for _ in range(rounds):
                started = time.perf_counter()
                consensus(members, is_train=np.arange(n_obs) % 5 > 0, n_clusters=N_GROUPS, seed=0)
                seconds.append(time.perf_counter() - started)
            rows.append(
                {
                    "cells": n_obs,
                    "members": n_members,
                    "disputed cells": share,
                    "seconds": round(float(np.median(seconds)), 2),
                }
            )
            logger.info("%s", rows[-1])
    write_summary("consensus", pd.DataFrame(rows))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cells", type=int, nargs="+", default=[100_000, 1_000_000])
    parser.add_argument("--members", type=int, default=25)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    log_to(RESULTS / "consensus.log")
    with threadpool_limits(limits=1):
        main(arguments.cells, arguments.members, arguments.rounds)
