"""Real counts for a benchmark: a data set of the sheet, prepared as a study prepares it, its
training cells first.
"""

from dataclasses import replace
from pathlib import Path

import numpy as np
from scipy import sparse
from sides.task import Task

from latentbench.data.sources import fetch
from latentbench.files.artefacts import atomic_path
from latentbench.preprocessing.presets import preprocess
from latentbench.study.sheets import read_sheet

CONFIG = Path(__file__).parent.parent / "config"
TEST_FRACTION = 0.2


def write_real(dataset: str, task: Task, *, mirror: str, path: str | Path) -> Task:
    """Write the raw counts of the highly variable genes (``.npz``) and return the task with the
    data set's numbers of cells and genes.

    Cells without a count in these genes are left out: scvi-tools takes the logarithm of a cell's
    total.
    """
    row = read_sheet(CONFIG / "datasets.tsv", CONFIG / "schemas")[dataset]
    raw = fetch(row, mirror=mirror, cache=Path(path).parent / "cache", stream_above_gb=float("inf"))
    prepared = preprocess(
        raw, preset=row["preset"], options={}, split={"test_fraction": TEST_FRACTION}
    )
    counts = sparse.csr_matrix(
        prepared.layers["counts"][:, prepared.var["highly_variable"].to_numpy()], dtype=np.float32
    )
    filled, is_test = counts.sum(axis=1).A1 > 0, (prepared.obs["split"] == "test").to_numpy()
    order = np.concatenate([np.flatnonzero(filled & ~is_test), np.flatnonzero(filled & is_test)])
    with atomic_path(path) as temporary:
        sparse.save_npz(temporary, counts[order], compressed=False)
    return replace(
        task,
        n_train=int((filled & ~is_test).sum()),
        n_test=int((filled & is_test).sum()),
        n_vars=counts.shape[1],
    )
