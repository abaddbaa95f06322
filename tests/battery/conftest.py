"""The input battery: bad and odd inputs go through the rules' own scripts, and what is refused
leaves no file behind.
"""

import importlib.util
import io
import os
import zipfile
from pathlib import Path

import anndata as ad
import numpy as np
import pandas as pd
import pytest
from anndata import AnnData
from hypothesis import HealthCheck, settings
from scipy import io as scipy_io
from scipy import sparse

from latentbench.study.sheets import read_sheet

ROOT = Path(__file__).parents[2]
SCHEMAS = ROOT / "config/schemas"
BLANK = (
    "label",
    "batch",
    "condition",
    "donor",
    "n_clusters",
    "orientation",
    "layer",
    "annotation",
    "sha256",
)
N_OBS, N_VARS = 40, 30
settings.register_profile(
    "battery",
    max_examples=int(os.environ.get("FUZZ_EXAMPLES", "40")),
    derandomize="FUZZ_EXAMPLES" not in os.environ,
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
)


def script(name: str):
    """The module of a rule's script."""
    spec = importlib.util.spec_from_file_location(
        f"battery_{name}", ROOT / f"workflow_scripts/{name}.py"
    )
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


DOWNLOAD, PREPROCESS = script("download"), script("preprocess")


def as_h5ad(cells, folder):
    cells.write_h5ad(folder / "mine.h5ad")
    return "mine.h5ad"


def as_table(cells, folder):
    frame = pd.DataFrame(
        cells.X.toarray() if sparse.issparse(cells.X) else cells.X,
        index=cells.obs_names,
        columns=cells.var_names,
    )
    frame[cells.obs.columns] = cells.obs
    frame.to_csv(folder / "mine.csv")
    return "mine.csv"


def as_npz(cells, folder):
    x = cells.X.toarray() if sparse.issparse(cells.X) else cells.X
    names = {axis: np.array(getattr(cells, axis), dtype=str) for axis in ("obs_names", "var_names")}
    np.savez(
        folder / "mine.npz",
        X=x,
        kind=np.array(cells.obs.iloc[:, 0].astype(str), dtype=str),
        **names,
    )
    return "mine.npz"


def as_mtx(cells, folder):
    content = io.BytesIO()
    scipy_io.mmwrite(content, sparse.coo_matrix(cells.X).T)
    with zipfile.ZipFile(folder / "mine.zip", "w") as file:
        file.writestr("matrix.mtx", content.getvalue())
        file.writestr("genes.tsv", "\n".join(cells.var_names))
        file.writestr("barcodes.tsv", "\n".join(cells.obs_names))
    return "mine.zip"


FORMATS = {"h5ad": as_h5ad, "csv": as_table, "npz": as_npz, "mtx in a zip": as_mtx}


class Workplace:
    """A folder with a data set in it, and the two rules that bring it to prepared.h5ad."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.results = folder, folder / "results"

    def prepare(
        self,
        *,
        options: dict | None = None,
        split: dict | None = None,
        stream_above_gb: float = 4.0,
        **cells: str,
    ) -> AnnData:
        """Write a sheet of one row, read it as the study does, and run download and preprocess on
        it.
        """
        row = self.row(**cells)
        DOWNLOAD.main(
            str(self.results / "raw.h5ad"),
            row=row,
            mirror=None,
            cache=str(self.folder / "cache"),
            stream_above_gb=stream_above_gb,
        )
        return self.prepare_raw(
            options=options, split=split, stream_above_gb=stream_above_gb, **cells
        )

    def prepare_raw(
        self,
        *,
        options: dict | None = None,
        split: dict | None = None,
        stream_above_gb: float = 4.0,
        **cells: str,
    ) -> AnnData:
        """Run preprocess alone, on the raw.h5ad that is there."""
        row, prepared = self.row(**cells), self.results / "prepared.h5ad"
        PREPROCESS.main(
            str(self.results / "raw.h5ad"),
            str(prepared),
            preset=row["preset"],
            options=options or {},
            split=split or {},
            subset={"only": row["only"]},
            held_out=0,
            stream_above_gb=stream_above_gb,
        )
        return ad.read_h5ad(prepared)

    def row(self, **cells: str) -> dict:
        """Return a row of the data sheet, of counts unless told otherwise, as the study reads
        it.
        """
        given = {
            "dataset": "mine",
            "modality": "counts",
            "preset": "counts_raw",
            **dict.fromkeys(BLANK, ""),
        } | cells
        given["sources"] = (
            str(self.folder / given["sources"])
            if given["sources"] and ":" not in given["sources"]
            else given["sources"]
        )
        given["annotation"] = str(self.folder / given["annotation"]) if given["annotation"] else ""
        sheet = self.folder / "sheet.tsv"
        sheet.write_text("\t".join(given) + "\n" + "\t".join(given.values()) + "\n")
        return read_sheet(sheet, SCHEMAS)[given["dataset"]]

    def left_behind(self) -> list[str]:
        """Return every file under the results but raw.h5ad, which may be good where the preparation
        refuses it.
        """
        found = self.results.rglob("*") if self.results.exists() else []
        return sorted(path.name for path in found if path.is_file() and path.name != "raw.h5ad")

    def counts(self) -> np.ndarray:
        """Return good counts."""
        return np.random.default_rng(0).poisson(3.0, (N_OBS, N_VARS)) + np.eye(
            N_OBS, N_VARS, dtype=np.int64
        )

    def cells(self, matrix=None, **obs) -> AnnData:
        """Return good cells around ``matrix`` with columns of obs."""
        matrix = self.counts() if matrix is None else matrix
        frame = pd.DataFrame(obs, index=[f"c{i}" for i in range(matrix.shape[0])])
        return AnnData(
            matrix, obs=frame, var=pd.DataFrame(index=[f"g{i}" for i in range(matrix.shape[1])])
        )

    def write(
        self, matrix=None, name: str = "mine.h5ad", compression: str | None = "gzip", **obs
    ) -> AnnData:
        """Write good cells around ``matrix`` and return them."""
        cells = self.cells(matrix, **obs)
        cells.write_h5ad(self.folder / name, compression=compression)
        return cells

    def write_as(self, kind: str, cells: AnnData) -> str:
        """Write cells in one of FORMATS and return the name of the file."""
        return FORMATS[kind](cells, self.folder)

    def csr(self) -> sparse.csr_matrix:
        """Return good counts as CSR, as most files have them."""
        return sparse.csr_matrix(self.counts())


@pytest.fixture
def place(tmp_path) -> Workplace:
    return Workplace(tmp_path)


@pytest.fixture(scope="session")
def make_place():
    return Workplace


@pytest.fixture
def refused(place):
    """A check: the data that ``make(place)`` writes is refused with a message, and no file is
    left.
    """

    def check(make, message: str, **arguments) -> str:
        cells = make(place) or {}
        with pytest.raises(ValueError, match=message) as caught:
            place.prepare(**{"sources": "mine.h5ad", **cells, **arguments})
        assert "mine" in str(caught.value), "the message names the file or the data set"
        assert place.left_behind() == []
        return str(caught.value)

    return check
