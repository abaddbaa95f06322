"""Writing artefacts: to a temporary name in the same folder, flushed, then renamed, so that a file under its final name is whole."""

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd


@contextmanager
def atomic_path(path: str | Path) -> Iterator[Path]:
    """Yield a temporary path beside ``path`` (same suffixes); on success flush it to disk and rename it to ``path``, on error delete it."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{os.getpid()}.{path.name}")
    try:
        yield temporary
        with open(temporary, "rb") as written:
            os.fsync(written.fileno())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def write_h5ad(adata, path: str | Path) -> None:
    """Write an AnnData as gzip-compressed h5ad (compression is also what makes silent corruption detectable)."""
    with atomic_path(path) as temporary:
        adata.write_h5ad(temporary, compression="gzip", compression_opts=1)


def write_table(frame: pd.DataFrame, path: str | Path) -> None:
    """Write a tidy frame as ``.tsv`` or ``.parquet``, by the suffix of ``path``; missing values are empty in tsv."""
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
