"""The manifest of a results folder: every artefact of a study with its size and SHA-256, and what
has become of it since.

Written once, by the last job of a study, from files that are then all complete: jobs that run side
by side or on other machines have nothing to share. Paths are relative to the results folder, which
may be moved as a whole."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import pandas as pd

from latentbench.files.artefacts import sha256_of

NAME = "manifest.tsv"
COLUMNS = ["path", "size", "sha256", "rule"]
NO_ARTEFACTS = ("logs", "benchmarks", "cache", "checkpoints")
"""Folders of what differs from run to run, or is kept for the next one."""
NOT_OF_A_STUDY = (NAME, "README.md", "verdict.txt")
MAKE_ANEW = "delete it and run the study again, which writes it anew and nothing else"


class Problem(StrEnum):
    """What can be wrong with a file."""

    MISSING = "missing"
    CHANGED = "changed"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Finding:
    """A file that is not as the manifest says; ``path`` relative to the results folder."""

    problem: Problem
    path: str
    sentence: str


def manifest_of(files: Mapping[str, Iterable[str | Path]], folder: str | Path) -> pd.DataFrame:
    """Return path (relative to ``folder``), size in bytes, sha256 and rule of every file, sorted by
    path; ``files``: the rule that made them -> paths.
    """
    rows = [
        (_relative(path, folder), Path(path).stat().st_size, sha256_of(path), rule)
        for rule, paths in files.items()
        for path in paths
    ]
    return pd.DataFrame(sorted(rows), columns=COLUMNS)


def read_manifest(path: str | Path) -> pd.DataFrame:
    """Return a manifest.

    Raises:
        ValueError: there is none, or it is not whole.
    """
    path = Path(path)
    if not path.is_file():
        raise ValueError(
            f"{path}: no such file; it is written when a study ends: run the study to its end"
            " (make)"
        )
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines(keepends=True)
    if not lines or lines[0].rstrip("\n").split("\t") != COLUMNS:
        raise ValueError(f"{path}: its first line is not {', '.join(COLUMNS)}; {MAKE_ANEW}")
    rows = [line.removesuffix("\n").split("\t") for line in lines[1:]]
    for number, (line, row) in enumerate(zip(lines[1:], rows, strict=True), start=2):
        if (
            not line.endswith("\n")
            or len(row) != len(COLUMNS)
            or not row[1].isdecimal()
            or not re.fullmatch("[0-9a-f]{64}", row[2])
        ):
            raise ValueError(
                f"{path}: line {number} is no path, size, sha256 and rule: it was truncated or"
                f" edited; {MAKE_ANEW}"
            )
    frame = pd.DataFrame(rows, columns=COLUMNS).astype({"size": "int64"})
    twice = frame["path"][frame["path"].duplicated()]
    if len(twice):
        raise ValueError(f"{path}: {twice.iloc[0]} is there twice; {MAKE_ANEW}")
    return frame


def check(folder: str | Path, manifest: pd.DataFrame) -> Iterator[Finding]:
    """Yield what is missing from a results folder or changed, by path, then what the manifest does
    not know; every file that it knows is read in full.
    """
    folder = Path(folder)
    for row in manifest.itertuples():
        sentence = _difference(folder / row.path, row.size, row.sha256)
        if sentence:
            problem = Problem.CHANGED if (folder / row.path).is_file() else Problem.MISSING
            yield Finding(problem, row.path, f"{sentence}; it was made by rule {row.rule}")
    for path in sorted(set(artefacts_in(folder)) - set(manifest["path"])):
        yield Finding(
            Problem.UNKNOWN,
            path,
            "the study that wrote the manifest did not make it: left by an earlier study or run, or"
            " put there by hand",
        )


def artefacts_in(folder: str | Path) -> list[str]:
    """Return the paths, relative to a results folder, of all files in it but for logs, benchmarks,
    cache and checkpoints.
    """
    folder = Path(folder)
    found = [path.relative_to(folder) for path in folder.rglob("*") if path.is_file()]
    return [
        path.as_posix()
        for path in found
        if path.parts[0] not in NO_ARTEFACTS and path.as_posix() not in NOT_OF_A_STUDY
    ]


def _difference(path: Path, size: int, sha256: str) -> str:
    """Return how a file differs from what was recorded, "" if it does not."""
    if not path.is_file():
        return "it is not there"
    found = path.stat().st_size
    if found != size:
        return (
            f"it holds {found} bytes and not {size}:"
            f" {'truncated' if found < size else 'overwritten'} since"
        )
    return "" if sha256_of(path) == sha256 else f"its {size} bytes are not those that were written"


def _relative(path: str | Path, folder: str | Path) -> str:
    return Path(path).relative_to(folder).as_posix()
