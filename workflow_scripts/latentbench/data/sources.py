"""A row of the data sheet to raw data: its sources tried in order, each checked, and an account of
what failed before one worked.
"""

import pickle
import subprocess
import zipfile
import zlib
from pathlib import Path
from typing import Any

from anndata import AnnData

from latentbench.data.bundled import BUNDLED
from latentbench.data.checksums import require_accepted
from latentbench.data.downloads import cache_path, download
from latentbench.data.files import (
    SUFFIXES,
    annotate,
    counts_group,
    files_of,
    read_annotation,
    read_file,
    read_h5ad_in_blocks,
)
from latentbench.data.images import IDX_FILES
from latentbench.data.packages import read_package
from latentbench.data.places import local_path
from latentbench.data.raw import to_raw, to_streamed_raw
from latentbench.data.row_blocks import StreamedCells, gb_in_memory
from latentbench.data.simulation import SIMULATED
from latentbench.data.simulation_in_blocks import NAME as IN_BLOCKS
from latentbench.data.simulation_in_blocks import counts_in_blocks
from latentbench.data.trial import refuse_what_kills_its_reader
from latentbench.faults import naming, reading
from latentbench.logs import logger

HDF5_SUFFIXES = (".h5ad", ".h5", ".loom")
MAKERS = {"builtin": BUNDLED, "simulate": SIMULATED}
# What getting a missing, refused, cut-off or foreign file can raise; anything else is a mistake of
# this program and is not caught.
FAILURES = (
    ValueError,
    OSError,
    KeyError,
    EOFError,
    zlib.error,
    zipfile.BadZipFile,
    pickle.UnpicklingError,
    subprocess.TimeoutExpired,
)


def fetch(
    row: dict[str, Any], *, mirror: str | None = None, cache: Path, stream_above_gb: float = 4.0
) -> AnnData | StreamedCells:
    """Return the data set of a sheet row in the form of raw.h5ad, from the mirror folder or else
    the first source that works.

    Counts of an h5ad file that would take more than ``stream_above_gb`` (10^9 bytes) in memory are
    left on disk. Downloads are kept in ``cache``. A source that fails is logged as a warning and
    recorded in ``uns['latentbench']['tried']``. Raises one ``ValueError`` naming every source and
    its failure when none works, and at once when a source's content does not fit the row (a missing
    column, values that the modality forbids)."""
    tried: list[str] = []
    for source in candidates(row, mirror):
        try:
            found, sha256 = read_source(source, row, Path(cache), stream_above_gb)
        except FAILURES as reason:
            tried.append(f"{source}: {_one_line(reason, source)}")
            logger.warning("%s: source failed: %s", row["dataset"], tried[-1])
            continue
        to_its_raw = to_streamed_raw if isinstance(found, StreamedCells) else to_raw
        with naming(source):
            raw = to_its_raw(found, row, source=source, sha256=sha256, tried=tried)
        logger.info("%s: %d x %d from %s", row["dataset"], *raw.shape, source)
        return raw
    raise ValueError(_nothing_worked(row, mirror, tried))


def candidates(row: dict[str, Any], mirror: str | None) -> list[str]:
    """Return the sources of a row in the order they are tried: the mirror's file or folder where
    there is one, then the sheet's.

    The mirror's is what ``mirror:<file>`` names, or else what is called after the data set.
    """
    sources = list(row.get("sources") or [])
    if not mirror:
        return sources
    if not Path(mirror).is_dir():
        raise ValueError(
            f"mirror: {mirror} is not a folder; give one that holds <dataset>{SUFFIXES[0]} or"
            " <dataset>/, or leave mirror empty"
        )
    named = [source.removeprefix("mirror:") for source in sources if source.startswith("mirror:")]
    names = [
        *filter(None, named),
        *(f"{row['dataset']}{suffix}" for suffix in SUFFIXES),
        row["dataset"],
    ]
    return [str(Path(mirror) / name) for name in names if (Path(mirror) / name).exists()][
        :1
    ] + sources


def read_source(
    source: str, row: dict[str, Any], cache: Path, stream_above_gb: float
) -> tuple[AnnData | StreamedCells, str]:
    """Return what one source holds and the sha256 of its files (empty where there are none).

    Values stay on disk where they are the CSR counts of an h5ad file and take more than
    ``stream_above_gb``; every other format is read whole. Raises ``ValueError`` or another of
    ``FAILURES`` when it cannot be read or its checksum is not one of the row's."""
    kind, _, rest = source.partition(":")
    if kind in MAKERS:
        return _made_by(kind, rest)
    if kind == "package":
        return read_package(rest, cache / "packages", _required_digests(row))
    if kind == "mirror":
        raise ValueError(_mirror_only(row, rest))
    path = _local(source, row, cache)
    logger.info("reading %s", path)
    with reading(path):
        digests = [require_accepted(file, row.get("sha256") or []) for file in files_of(path)]
        if path.suffix.lower() in HDF5_SUFFIXES and path.is_file() and not row.get("sha256"):
            refuse_what_kills_its_reader(path)
        found = (
            read_h5ad_in_blocks(path, row)
            if _is_streamed(path, row, stream_above_gb)
            else read_file(path, row)
        )
    if row.get("annotation"):
        table = _local(row["annotation"], row, cache)
        if not table.is_file():
            raise ValueError(
                f"{table}: no such file; correct the 'annotation' column of the data sheet"
            )
        with reading(table):
            digests.append(require_accepted(table, row.get("sha256") or []))
            found = _annotated(found, table)
    return found, " ".join(digests)


def _local(source: str, row: dict[str, Any], cache: Path) -> Path:
    if source.startswith(("http://", "ftp://", "file://")):
        raise ValueError("only https addresses and local paths are read")
    if path := local_path(source):
        return path
    digests = _required_digests(row)
    if not source.endswith("/"):
        return download(source, cache / "downloads", digests)
    for name in IDX_FILES:
        download(source + name, cache / "downloads", digests)
    return cache_path(source, cache / "downloads")


def _is_streamed(path: Path, row: dict[str, Any], stream_above_gb: float) -> bool:
    is_h5ad = row["modality"] == "counts" and path.suffix.lower() == ".h5ad" and path.is_file()
    return is_h5ad and gb_in_memory(path, counts_group(path, row)) > stream_above_gb


def _annotated(found: AnnData | StreamedCells, table: Path) -> AnnData | StreamedCells:
    annotation = read_annotation(table)
    if isinstance(found, StreamedCells):
        return StreamedCells(annotate(found.frame, annotation, table), found.values)
    return annotate(found, annotation, table)


def _made_by(kind: str, name: str) -> tuple[AnnData | StreamedCells, str]:
    makers, in_blocks = MAKERS[kind], IN_BLOCKS.fullmatch(name)
    if kind == "simulate" and in_blocks:
        return counts_in_blocks(int(in_blocks["n_obs"]), int(in_blocks["n_vars"])), ""
    if name not in makers:
        also = ", simulate:counts_<cells>x<genes>" if kind == "simulate" else ""
        raise ValueError(
            f"there is no {kind}:{name}; there is"
            f" {', '.join(f'{kind}:{other}' for other in makers)}{also}"
        )
    return makers[name](), ""


def _required_digests(row: dict[str, Any]) -> list[str]:
    digests = row.get("sha256") or []
    if not digests:
        raise ValueError(
            "a download needs a checksum: give the file's sha256 (or md5:<hex>) in the data sheet's"
            " sha256 column"
        )
    return digests


def _mirror_only(row: dict[str, Any], name: str) -> str:
    return (
        "no public file holds this data set ready for use (column origin of its row says what it is"
        f" made from); put {name or row['dataset'] + '.h5ad'} into a folder and give that as mirror"
    )


def _nothing_worked(row: dict[str, Any], mirror: str | None, tried: list[str]) -> str:
    listed = (
        "".join(f"\n  {number}. {line}" for number, line in enumerate(tried, 1))
        or "\n  (the row names no source)"
    )
    looked = f"; the mirror folder {mirror} was looked into first" if mirror else ""
    return (
        f"data set {row['dataset']}: none of its sources works{looked}:{listed}\nRemedy: get the"
        f" file by hand, put it as {row['dataset']}.h5ad (or another format's suffix) into a folder"
        " and run with --config mirror=<folder>, or correct sources and sha256 in its row of the"
        " data sheet."
    )


def _one_line(reason: BaseException, source: str) -> str:
    text = " ".join(str(reason).split()).removeprefix(f"{source}: ")
    return text if isinstance(reason, ValueError) else f"{type(reason).__name__}: {text}"
