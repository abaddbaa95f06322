"""Errors of a user's data say where they are."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def reading(path: str | Path) -> Iterator[None]:
    """Make any error of a file's reader a ``ValueError`` that names the file: what foreign or
    damaged bytes lead a library to raise is not its to promise.
    """
    try:
        with naming(str(path)):
            yield
    except ValueError:
        raise
    except Exception as fault:
        said = " ".join(f"{type(fault).__name__}: {fault}".split())
        raise ValueError(
            f"{path}: cannot be read ({said}); it is damaged, or not what its suffix says, or not"
            " yours to read"
        ) from fault


@contextmanager
def naming(where: str) -> Iterator[None]:
    """Put ``where`` (a file, a data set) before the message of a ``ValueError`` that does not name
    it.
    """
    try:
        yield
    except ValueError as fault:
        if where in str(fault):
            raise
        raise ValueError(f"{where}: {fault}") from fault
