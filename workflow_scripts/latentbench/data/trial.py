"""A first reading of an HDF5 file in a process of its own.

The HDF5 library may die, or compute without end, over damaged bytes, and nothing in Python can
catch that. Here a child reads every byte of a file; how it ended is told in a sentence."""

import faulthandler
import os
import signal
from pathlib import Path

import h5py

SECONDS_PER_MB = 1.0
"""Of computing, and so whatever else a machine has to do: ten times what unpacking takes."""
FEWEST_SECONDS = 60
VALUES_PER_READ = 2**22
ENDS = {
    "SIGXCPU": "finds no end in it",
    **dict.fromkeys(("SIGSEGV", "SIGABRT", "SIGBUS", "SIGFPE", "SIGILL"), "dies over it"),
}
"""What a signal says of the file. SIGKILL, which a lack of memory may send, says nothing of it."""


def refuse_what_kills_its_reader(path: Path) -> None:
    """Raise ``ValueError`` where the HDF5 library dies or finds no end in ``path``; what it reports
    is left to who reads the file in earnest.

    Where the system cannot fork, nothing is tried.
    """
    if not hasattr(os, "fork"):
        return
    child = os.fork()
    if child == 0:
        _read_and_leave(path)
    ended = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    name = signal.Signals(-ended).name if ended < 0 else ""
    if name in ENDS:
        raise ValueError(
            f"{path}: the HDF5 library {ENDS[name]} ({name}): it is damaged; get it again"
        )


def read_everything(path: Path) -> None:
    """Read all attributes and values of an HDF5 file, and keep none."""
    with h5py.File(path) as file:
        _read_attributes(file)
        file.visititems(lambda _, item: _read(item))


def _read_and_leave(path: Path) -> None:
    import resource

    try:
        # The death of this process is what its parent reports: no lines of its own in the log.
        faulthandler.disable()
        most = int(FEWEST_SECONDS + SECONDS_PER_MB * path.stat().st_size / 1e6)
        resource.setrlimit(resource.RLIMIT_CPU, (most, resource.getrlimit(resource.RLIMIT_CPU)[1]))
        read_everything(path)
    finally:
        os._exit(0)


def _read(item: h5py.Group | h5py.Dataset) -> None:
    _read_attributes(item)
    if not isinstance(item, h5py.Dataset) or item.shape is None:
        return
    if not item.shape:
        item[()]
        return
    rows = max(1, VALUES_PER_READ * len(item) // max(item.size, 1))
    for start in range(0, len(item), rows):
        item[start : start + rows]


def _read_attributes(item: h5py.Group | h5py.Dataset) -> None:
    for name in item.attrs:
        item.attrs[name]
