"""Checksums: whether a file is one of those that the data sheet accepts."""

import gzip
import hashlib
from collections.abc import Sequence
from pathlib import Path

from latentbench.files.artefacts import sha256_of

GZIP_MAGIC = b"\x1f\x8b"


def require_accepted(path: Path, accepted: Sequence[str]) -> str:
    """Return the file's sha256 after checking that it, its md5, or that of its decompressed content
    is in ``accepted``.

    ``accepted`` holds hexadecimal sha256 digests and ``md5:<hex>``; an empty one accepts
    everything. Raises ``ValueError`` when none matches. Compressing again changes a gzip file's
    bytes but not its content, hence the second look."""
    sha256 = sha256_of(path)
    wanted = {digest.lower() for digest in accepted}
    if (
        not wanted
        or sha256 in wanted
        or _md5_matches(path, wanted)
        or _content_matches(path, wanted)
    ):
        return sha256
    raise ValueError(
        f"{path}: checksum mismatch (sha256 {sha256} is not among the {len(wanted)} that the data"
        " sheet accepts)"
    )


def _md5_matches(path: Path, wanted: set[str]) -> bool:
    if not any(digest.startswith("md5:") for digest in wanted):
        return False
    with open(path, "rb") as file:
        digest = hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False))
    return f"md5:{digest.hexdigest()}" in wanted


def _content_matches(path: Path, wanted: set[str]) -> bool:
    with open(path, "rb") as file:
        if file.read(2) != GZIP_MAGIC:
            return False
    sha256, md5 = hashlib.sha256(), hashlib.md5(usedforsecurity=False)
    with gzip.open(path, "rb") as content:
        while block := content.read(1 << 20):
            sha256.update(block)
            md5.update(block)
    return sha256.hexdigest() in wanted or f"md5:{md5.hexdigest()}" in wanted
