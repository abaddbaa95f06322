"""Downloads over https: streamed, resumed, retried, checked, and kept in a cache so that a second
run needs no network.

What has come so far lies in ``.<name>.part`` beside the final name, which only a whole file with an
accepted checksum gets. A run that is stopped leaves the part for the next one. Several runs may
share a cache: one of them writes a file, the others wait and find it there."""

import fcntl
import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO
from urllib.parse import urldefrag, urlsplit

import requests
from urllib3.exceptions import HTTPError

from latentbench.data.checksums import require_accepted
from latentbench.logs import logger

# Two of the hosts in the data sheet refuse the default User-Agent of Python's clients.
USER_AGENT = "Mozilla/5.0 (X11; Linux x86_64) latentbench"
TIMEOUT_SECONDS = (10, 60)
"""Until a connection stands, and between two pieces of what comes."""
SLOWEST_BYTES_PER_SECOND = 1000
MOST_BYTES = 100 * 10**9
TRANSIENT = frozenset({408, 425, 429, 500, 502, 503, 504})
NOT_THERE_ANY_MORE = 416
PARTIAL = 206


def download(
    url: str, cache: Path, accepted: Sequence[str], *, attempts: int = 4, pause_seconds: float = 1.0
) -> Path:
    """Return the path of ``url``'s file in ``cache``, fetched unless a copy with an accepted
    checksum is there.

    A fragment names the file where the address does not (``https://host/download/123#cells.h5ad``).
    Network errors and busy servers are tried again after ``pause_seconds``, then twice that, and so
    on, from where they broke off. Raises ``OSError`` when the server cannot be read, ``ValueError``
    on a checksum mismatch, a file of more than ``MOST_BYTES``, or an address that leads away from
    https."""
    path = cache_path(url, cache)
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.part")
    with _alone_with(part):
        if _is_kept(path, accepted):
            return path
        for attempt in range(1, attempts + 1):
            try:
                _fetch(urldefrag(url).url, part, path, accepted)
                return path
            except requests.RequestException as reason:
                if attempt == attempts or not _is_transient(reason):
                    raise
                logger.info("%s: %s; attempt %d of %d", url, reason, attempt + 1, attempts)
                time.sleep(pause_seconds * 2 ** (attempt - 1))
    raise AssertionError("attempts is at least 1")


def cache_path(url: str, cache: Path) -> Path:
    """Return where ``url`` is kept: ``<cache>/<host>/<path of the address>``, with the fragment, if
    any, as a last part.
    """
    parts = urlsplit(url)
    steps = [
        step for step in [*parts.path.split("/"), parts.fragment] if step not in ("", ".", "..")
    ]
    return cache.joinpath(parts.netloc.replace(":", "_"), *steps)


@contextmanager
def _alone_with(part: Path) -> Iterator[None]:
    """Wait until no other run writes ``part``; what lies in it is left for the next run unless it
    has become the file.
    """
    lock = part.with_suffix(".lock")
    with open(lock, "w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        yield


def _is_kept(path: Path, accepted: Sequence[str]) -> bool:
    if not path.exists():
        return False
    try:
        require_accepted(path, accepted)
    except ValueError as reason:
        logger.warning("%s; downloading it again", reason)
        return False
    return True


def _fetch(url: str, part: Path, path: Path, accepted: Sequence[str]) -> None:
    """Bring ``part`` to its end, check it, and give it its name. A part that does not fit is
    deleted; was it another run's, the file is fetched anew.
    """
    resumed = _stream(url, part)
    try:
        require_accepted(part, accepted)
    except ValueError:
        part.unlink()
        if not resumed:
            raise
        logger.info("%s: what came earlier and what came now do not fit; fetching it anew", url)
        return _fetch(url, part, path, accepted)
    os.replace(part, path)


def _stream(url: str, part: Path) -> bool:
    """Append what is missing of ``url`` to ``part`` and return whether there was something
    before.
    """
    held = part.stat().st_size if part.exists() else 0
    headers = {"User-Agent": USER_AGENT, "Accept-Encoding": "identity"} | (
        {"Range": f"bytes={held}-"} if held else {}
    )
    with requests.get(url, stream=True, timeout=TIMEOUT_SECONDS, headers=headers) as response:
        if held and response.status_code == NOT_THERE_ANY_MORE:
            part.unlink()
            raise requests.ConnectionError(
                f"{url}: the server has nothing after byte {held}; fetching it anew"
            )
        response.raise_for_status()
        if urlsplit(response.url).scheme != urlsplit(url).scheme:
            raise ValueError(
                f"{url}: leads to {response.url}, which is not {urlsplit(url).scheme}; correct the"
                " address in the data sheet"
            )
        continues = response.status_code == PARTIAL and response.headers.get(
            "Content-Range", ""
        ).startswith(f"bytes {held}-")
        held = held if continues else 0
        expected = held + int(response.headers.get("Content-Length", 0))
        _refuse_too_large(url, expected)
        logger.info(
            "downloading %s (%s)%s",
            url,
            f"{expected / 1e6:.1f} MB" if expected > held else "size unknown",
            f" from byte {held}" if held else "",
        )
        with open(part, "ab" if held else "wb") as file:
            received = held + _receive(url, response, file, held)
            file.flush()
            os.fsync(file.fileno())
    if received == 0 or received < expected:
        raise requests.ConnectionError(
            f"{url}: {received} bytes came instead of {expected or 'some'}"
        )
    return held > 0


def _receive(url: str, response: requests.Response, file: IO[bytes], held: int) -> int:
    received, began = 0, time.monotonic()
    try:
        while block := response.raw.read1(1 << 20):
            file.write(block)
            received += len(block)
            _refuse_too_large(url, held + received)
            seconds = time.monotonic() - began
            if seconds > TIMEOUT_SECONDS[1] and received < SLOWEST_BYTES_PER_SECOND * seconds:
                raise requests.ConnectionError(
                    f"{url}: {received} bytes in {seconds:.0f} s is too slow"
                )
    except HTTPError as broken:
        raise requests.ConnectionError(
            f"{url}: broke off after {held + received} bytes ({broken})"
        ) from broken
    return received


def _refuse_too_large(url: str, n_bytes: int) -> None:
    if n_bytes > MOST_BYTES:
        raise ValueError(
            f"{url}: more than {MOST_BYTES / 1e9:g} GB; get it by hand and give its folder as"
            " mirror"
        )


def _is_transient(error: requests.RequestException) -> bool:
    if error.response is None:
        # An address that cannot be asked stays so.
        return not isinstance(error, ValueError)
    return error.response.status_code in TRANSIENT
