"""Errors of a user's data say where they are."""

from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def naming(where: str) -> Iterator[None]:
    """Put ``where`` (a file, a data set) before the message of a ``ValueError`` that does not name it."""
    try:
        yield
    except ValueError as fault:
        if where in str(fault):
            raise
        raise ValueError(f"{where}: {fault}") from fault
