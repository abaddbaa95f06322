"""Downloads over https: streamed, retried, checked, and kept in a cache so that a second run needs no network."""

import time
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urldefrag, urlsplit

import requests

from latentbench.artefacts import atomic_path
from latentbench.data.checksums import require_accepted
from latentbench.logs import logger

# Two of the hosts in the data sheet refuse the default User-Agent of Python's clients.
USER_AGENT = "Mozilla/5.0 (X11; Linux x86_64) latentbench"
TIMEOUT_SECONDS = (10, 60)
TRANSIENT = frozenset({408, 425, 429, 500, 502, 503, 504})


def download(url: str, cache: Path, accepted: Sequence[str], *, attempts: int = 3, pause_seconds: float = 1.0) -> Path:
    """Return the path of ``url``'s file in ``cache``, fetched unless a copy with an accepted checksum is there.

    A fragment names the file where the address does not (``https://host/download/123#cells.h5ad``). Network errors and busy servers are
    tried again after ``pause_seconds``, then twice that, and so on. Raises ``OSError`` when the server cannot be read, ``ValueError`` on a
    checksum mismatch.
    """
    path = cache_path(url, cache)
    if path.exists():
        try:
            require_accepted(path, accepted)
            return path
        except ValueError as reason:
            logger.warning("%s; downloading it again", reason)
    for attempt in range(1, attempts + 1):
        try:
            _stream(urldefrag(url).url, path, accepted)
            return path
        except requests.RequestException as reason:
            if attempt == attempts or not _is_transient(reason):
                raise
            logger.info("%s: %s; attempt %d of %d", url, reason, attempt + 1, attempts)
            time.sleep(pause_seconds * 2 ** (attempt - 1))
    raise AssertionError("attempts is at least 1")


def cache_path(url: str, cache: Path) -> Path:
    """Return where ``url`` is kept: ``<cache>/<host>/<path of the address>``, with the fragment, if any, as a last part."""
    parts = urlsplit(url)
    steps = [step for step in [*parts.path.split("/"), parts.fragment] if step not in ("", ".", "..")]
    return cache.joinpath(parts.netloc.replace(":", "_"), *steps)


def _stream(url: str, path: Path, accepted: Sequence[str]) -> None:
    with requests.get(url, stream=True, timeout=TIMEOUT_SECONDS, headers={"User-Agent": USER_AGENT, "Accept-Encoding": "identity"}) as response:
        response.raise_for_status()
        expected = int(response.headers.get("Content-Length", 0))
        logger.info("downloading %s (%s)", url, f"{expected / 1e6:.1f} MB" if expected else "size unknown")
        with atomic_path(path) as temporary:
            with open(temporary, "wb") as file:
                for block in response.iter_content(1 << 20):
                    file.write(block)
            received = temporary.stat().st_size
            if received == 0 or received < expected:
                raise requests.ConnectionError(f"{url}: {received} bytes came instead of {expected or 'some'}")
            require_accepted(temporary, accepted)


def _is_transient(error: requests.RequestException) -> bool:
    return error.response is None or error.response.status_code in TRANSIENT
