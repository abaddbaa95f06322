"""SIGTERM and SIGINT (a time limit, a pre-emption, Ctrl-C) as a request that a training meets at
its next step: save, then stop.
"""

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from latentbench.logs import logger

EXIT_CODE = 75
"""Exit status of a training that was asked to stop and has saved: EX_TEMPFAIL of sysexits.h,
"try again later": the same command goes on."""

_signals = (signal.SIGTERM, signal.SIGINT)
_requested = False
_parent: int | None = None
_children: set[int] = set()


class Interrupted(BaseException):
    """A training was asked to stop and has saved what it had. Not an ``Exception``: no handler of
    errors may swallow it.
    """


@contextmanager
def stopping_on_signals() -> Iterator[None]:
    """Inside the block SIGTERM and SIGINT set a flag that ``is_requested`` returns, and are passed
    on to the ``child`` processes.
    """
    global _requested
    _requested = False
    previous = {each: signal.signal(each, _request) for each in _signals}
    try:
        yield
    finally:
        for each, handler in previous.items():
            signal.signal(each, handler)


@contextmanager
def ending_a_job_when_asked() -> Iterator[None]:
    """Inside the block a training that was asked to stop ends the process, its state saved, with
    ``EXIT_CODE``.
    """
    with stopping_on_signals():
        try:
            yield
        except Interrupted as stopped:
            logger.warning("%s; saved: the same command goes on from there", stopped)
            sys.exit(EXIT_CODE)


def is_requested() -> bool:
    """Whether this process has been asked to stop. A child whose parent is gone ends here: a job
    that is started again must not have two writers.
    """
    if _parent is not None and os.getppid() != _parent:
        os._exit(1)
    return _requested


@contextmanager
def child(pid: int) -> Iterator[None]:
    """Pass requests on to a child process while inside the block."""
    _children.add(pid)
    if _requested:  # between its start and now
        os.kill(pid, signal.SIGTERM)
    try:
        yield
    finally:
        _children.discard(pid)


def become_child(parent: int) -> None:
    """In a forked child: the children of the parent are not its own, and it does not outlive its
    parent.
    """
    global _parent
    _parent = parent
    _children.clear()


def _request(signum, frame) -> None:
    global _requested
    _requested = True
    for pid in list(_children):
        try:
            os.kill(pid, signal.SIGTERM)
        except ProcessLookupError:
            _children.discard(pid)
