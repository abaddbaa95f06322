"""How far every step gives the same again: declared here, once; tests and docs/architecture.md keep
to it.

On one machine (the same lock, config, processor) every step gives the same bytes on any number of
cores and in any folder, but for what it measures: seconds and memory. On another machine sums are
rounded otherwise, which a training makes large: its scores then agree within seed noise (``make
compare``), not in bytes."""

from enum import StrEnum
from fnmatch import fnmatchcase

import pandas as pd


class Determinism(StrEnum):
    """What another run of a step may change."""

    BITWISE = "bitwise"
    CLOSE = "numerically close"
    STOCHASTIC = "stochastic"


ON_ANOTHER_MACHINE: dict[str, Determinism] = {
    "download": Determinism.BITWISE,
    "preprocess": Determinism.CLOSE,
    "train": Determinism.STOCHASTIC,
    "cluster": Determinism.STOCHASTIC,
    "consensus": Determinism.STOCHASTIC,
    "score": Determinism.STOCHASTIC,
    "integrate": Determinism.STOCHASTIC,
    "collect": Determinism.STOCHASTIC,
    "theory": Determinism.CLOSE,
    "annotate": Determinism.STOCHASTIC,
    "predict": Determinism.STOCHASTIC,
    "predict_baselines": Determinism.CLOSE,
    "collect_predictions": Determinism.STOCHASTIC,
    "draw_maps": Determinism.STOCHASTIC,
    "draw_study": Determinism.STOCHASTIC,
    "draw_dataset": Determinism.STOCHASTIC,
    "draw_plates": Determinism.BITWISE,
    "run_notebook": Determinism.STOCHASTIC,
    "write_report": Determinism.STOCHASTIC,
    "explore": Determinism.STOCHASTIC,
    "analyse_pca": Determinism.STOCHASTIC,
    "decode": Determinism.STOCHASTIC,
    "sample_latents": Determinism.STOCHASTIC,
    "find_markers": Determinism.STOCHASTIC,
    "collect_markers": Determinism.STOCHASTIC,
    "compare_published": Determinism.STOCHASTIC,
    "run_chapter": Determinism.STOCHASTIC,
    "write_results": Determinism.STOCHASTIC,
    "draw_thesis": Determinism.BITWISE,
}
"""By rule. Close: to 1e-5 of the largest value of a column. Stochastic: within seed noise. A
step is no better than what it reads."""

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
