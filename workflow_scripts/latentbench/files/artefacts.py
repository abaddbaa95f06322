"""Writing artefacts: to a temporary name in the same folder, flushed, then renamed, so that a file
under its final name is whole.
"""

import errno
import hashlib
import json
import os
import platform
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from glob import escape
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

REMEDIES = {
    errno.ENOSPC: "free some space on this disk and run the same command again",
    errno.EDQUOT: "the quota is used up: free some space and run the same command again",
    errno.EFBIG: (
        "a limit on the size of files is reached: raise it (ulimit -f) and run the same command"
        " again"
    ),
    errno.EROFS: "the folder cannot be written to: run the study elsewhere (--directory)",
    errno.EACCES: "you may not write here: run the study elsewhere (--directory)",
}


@contextmanager
def atomic_path(path: str | Path) -> Iterator[Path]:
    """Yield a temporary path beside ``path`` (same suffixes); on success flush it to disk and
    rename it to ``path``, on error delete it.

    What a process of this machine that was killed left of the same file is deleted. Raises
    ``OSError`` that names ``path`` where it cannot be written."""
    path = Path(path)
    temporary = path.with_name(f".{platform.node()}.{os.getpid()}.{path.name}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _delete_left_over(path)
        yield temporary
        with open(temporary, "rb") as written:
            os.fsync(written.fileno())
        os.replace(temporary, path)
    except OSError as fault:
        if fault.errno in REMEDIES:
            raise OSError(
                fault.errno,
                f"{os.strerror(fault.errno)}: {REMEDIES[fault.errno]}; nothing is left under this"
                " name",
                str(path),
            ) from fault
        raise
    finally:
        # On a disk that cannot be written to there is nothing to delete either.
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def _delete_left_over(path: Path) -> None:
    for left in path.parent.glob(f".{platform.node()}.*.{escape(path.name)}"):
        number = left.name.removeprefix(f".{platform.node()}.").removesuffix(f".{path.name}")
        if number.isdigit() and not _is_alive(int(number)):
            left.unlink(missing_ok=True)


def _is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def write_h5ad(adata, path: str | Path) -> None:
    """Write an AnnData as gzip-compressed h5ad (compression is also what makes silent corruption
    detectable).
    """
    with atomic_path(path) as temporary:
        adata.write_h5ad(temporary, compression="gzip", compression_opts=1)


def write_table(frame: pd.DataFrame, path: str | Path) -> None:
    """Write a tidy frame as ``.tsv`` or ``.parquet``, by the suffix of ``path``; missing values are
    empty in tsv.
    """
    with atomic_path(path) as temporary:
        if temporary.suffix == ".parquet":
            frame.to_parquet(temporary, index=False)
        else:
            frame.to_csv(temporary, sep="\t", index=False, lineterminator="\n")


def write_arrays(arrays: Mapping[str, np.ndarray], path: str | Path) -> None:
    """Write named arrays as a compressed ``.npz``."""
    with atomic_path(path) as temporary:
        np.savez_compressed(temporary, **arrays)


def write_json(value: Any, path: str | Path) -> None:
    """Write ``value`` as indented JSON with a final newline."""
    write_text(json.dumps(value, indent=2, ensure_ascii=False) + "\n", path)


def write_text(text: str, path: str | Path) -> None:
    """Write ``text`` as UTF-8."""
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def sha256_of(path: str | Path) -> str:
    """Return the hexadecimal SHA-256 of a file's bytes."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
