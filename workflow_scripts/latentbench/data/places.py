"""Where a source of the data sheet lies: on this machine, or elsewhere. Light imports only: the
check of the config, the workflow that tracks local files, and the reader all ask here."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

ELSEWHERE = ("builtin", "simulate", "package", "mirror", "https", "http", "ftp", "file")
"""What may stand before the colon of a source that is no path; any other name with a colon in it is
one."""


def local_path(source: str) -> Path | None:
    """Return the path that a source or annotation names, None if it names none."""
    kind, colon, _ = source.partition(":")
    return None if colon and kind in ELSEWHERE else Path(source).expanduser()


def local_files(row: Mapping[str, Any]) -> list[Path]:
    """Return the files of this machine that a row of the sheet is read from, as far as they are
    there: those it names, and all within a folder that it names.
    """
    named = [*row["sources"], *filter(None, [row["annotation"]])]
    found: list[Path] = []
    for path in filter(None, map(local_path, named)):
        found += sorted(each for each in path.rglob("*") if each.is_file()) if path.is_dir() else []
        found += [path] if path.is_file() else []
    return found
