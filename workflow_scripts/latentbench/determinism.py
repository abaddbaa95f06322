"""How far two runs of a study give the same; plan.py says of every rule what another machine may
change.

On one machine (the same lock, config, processor) every step gives the same bytes on any number of
cores and in any folder, but for what it measures: seconds and memory. On another machine sums are
rounded otherwise, which a training makes large: its scores then agree within seed noise (``make
compare``), not in bytes."""

from fnmatch import fnmatchcase

import pandas as pd

MEASURED = (
    "models/*/status.json",
    "tables/status.*",
    "tables/cost.*",
    "figures/cost.*",
    "notebooks/*",
    "chapters/*",
    "report/index.html",
)
"""Files with seconds and memory in them, which no two runs share; paths relative to the results
folder."""


def is_measured(path: str) -> bool:
    """Whether a file of a results folder holds times and memory."""
    return any(fnmatchcase(path, pattern) for pattern in MEASURED)


def not_the_same(a: pd.DataFrame, b: pd.DataFrame) -> list[str]:
    """Return the paths that two manifests of one study on one machine should have alike and have
    not, those that only one of them has among them.
    """
    checksums = [manifest.set_index("path")["sha256"] for manifest in (a, b)]
    either = sorted({*checksums[0].index, *checksums[1].index})
    return [
        path
        for path in either
        if not is_measured(path) and checksums[0].get(path) != checksums[1].get(path)
    ]
