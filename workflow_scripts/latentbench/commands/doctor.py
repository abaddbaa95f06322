"""Whether a study can run here, in seconds and before anything is trained: its data, the
environment, the machine. One finding a check.
"""

import os
import platform
import re
import shutil
import subprocess
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from importlib import metadata
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from latentbench.data.row_blocks import StreamedCells
from latentbench.data.sources import candidates, fetch
from latentbench.preprocessing.gate import label_warnings

PIN = re.compile(r"^[A-Za-z0-9][\w.-]*==[^#\\\n]+", re.MULTILINE)
"""A package of a lock with its version and marker, without its hashes."""
GB = 1e9
LARGE_GB = 1.0
"""A local file above this is not read through: that is no matter of seconds."""
LEAST_FREE_GB, COMFORTABLE_GB = 1.0, 5.0
COMMAND_SECONDS = 10
SHOWN = 5


class State(StrEnum):
    """How a check ended: a note stops nothing."""

    OK = "ok"
    NOTE = "note"
    FAIL = "FAIL"


@dataclass(frozen=True)
class Finding:
    """What one check found, in a sentence."""

    check: str
    state: State
    sentence: str

    def __str__(self) -> str:
        return f"{self.state:<5} {self.check}: {self.sentence}"


def check_data(row: Mapping[str, Any], *, mirror: str | None, cache: Path) -> Finding:
    """Read a data set that lies on this machine through the gate of every value; say of another
    where it will come from.
    """
    check = f"data {row['dataset']}"
    try:
        source = candidates(dict(row), mirror)[0]
        if source.startswith(("https://", "package:")):
            return Finding(
                check,
                State.NOTE,
                f"is fetched, or taken from {cache}, when the study runs: {source}",
            )
        size = _gb(Path(source))
        if size > LARGE_GB:
            return Finding(
                check,
                State.NOTE,
                f"{source} holds {size:.1f} GB; its values are checked when the study runs",
            )
        raw = fetch(dict(row), mirror=mirror, cache=cache)
        frame = raw.frame if isinstance(raw, StreamedCells) else raw
        warnings = label_warnings(frame.obs, row["dataset"])
    except ValueError as fault:
        return Finding(check, State.FAIL, str(fault))
    sentence = (
        f"{raw.shape[0]} x {raw.shape[1]} {row['modality']} from"
        f" {frame.uns['latentbench']['source']}"
    )
    return Finding(check, State.NOTE if warnings else State.OK, "; ".join([sentence, *warnings]))


def locked(*locks: Path) -> dict[str, str]:
    """Return the version that the locks pin of each package that this Python and system want."""
    pins = [
        Requirement(pin) for lock in locks for pin in PIN.findall(lock.read_text(encoding="utf-8"))
    ]
    return {
        pin.name: next(iter(pin.specifier)).version
        for pin in pins
        if pin.marker is None or pin.marker.evaluate()
    }


def check_environment(project: Path, *locks: Path) -> Finding:
    """Compare Python with the range of pyproject.toml, what is installed with the locks."""
    supported = tomllib.loads(project.read_text(encoding="utf-8"))["project"]["requires-python"]
    python = platform.python_version()
    if not SpecifierSet(supported).contains(python, prereleases=True):
        return Finding(
            "environment",
            State.FAIL,
            f"Python {python}, and {supported} is wanted: make environment PYTHON=path/to/python",
        )
    pins = locked(*locks)
    installed = {name: _version(name) for name in pins}
    listed = [
        *(
            f"{name} {found} (locked: {pins[name]})"
            for name, found in installed.items()
            if found not in (None, pins[name])
        ),
        *(f"{name} is not installed" for name, found in installed.items() if found is None),
    ]
    if listed:
        more = f" and {len(listed) - SHOWN} more" if len(listed) > SHOWN else ""
        return Finding(
            "environment",
            State.FAIL,
            f"{', '.join(listed[:SHOWN])}{more}; install what is locked (make environment)",
        )
    names = " and ".join(lock.name for lock in locks)
    return Finding(
        "environment", State.OK, f"Python {python} and all {len(pins)} packages of {names}"
    )


def check_disk(folder: Path) -> Finding:
    """Whether ``folder`` can be written to and has room."""
    place = next(
        parent for parent in [folder.resolve(), *folder.resolve().parents] if parent.exists()
    )
    if not os.access(place, os.W_OK):
        return Finding(
            "disk",
            State.FAIL,
            f"{place} cannot be written to; run the study elsewhere (--directory)",
        )
    free = shutil.disk_usage(place).free / GB
    state = (
        State.FAIL if free < LEAST_FREE_GB else State.NOTE if free < COMFORTABLE_GB else State.OK
    )
    return Finding(
        "disk",
        state,
        f"{free:.1f} GB free in {place}"
        + ("" if state is State.OK else f"; a study wants {COMFORTABLE_GB:g} GB or more"),
    )


def check_device() -> Finding:
    """Which cards there are, and whether torch can use them."""
    listed = _output("nvidia-smi", "--query-gpu=name,memory.total", "--format=csv,noheader")
    cards = listed.splitlines() if listed else []
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    torch = metadata.version("torch") if _version("torch") else "not installed"
    here = f"{cores} CPU cores, {', '.join(cards) or 'no GPU'}, torch {torch}"
    if cards and torch.endswith("+cpu"):
        return Finding(
            "device",
            State.NOTE,
            f"{here}: this build cannot use the card; install the CUDA build for it"
            " (docs/deployment.md)",
        )
    return Finding("device", State.OK, here)


def check_scheduler() -> Finding:
    """Whether SLURM answers here, and whether Snakemake can speak to it."""
    if shutil.which("sinfo") is None:
        return Finding(
            "SLURM",
            State.NOTE,
            "not on this machine; profiles/slurm is for a login node of a cluster",
        )
    partitions = _output("sinfo", "--noheader", "--format=%R")
    if not partitions:
        return Finding(
            "SLURM",
            State.NOTE,
            "sinfo is here and gets no answer; ask whoever keeps the cluster before using"
            " profiles/slurm",
        )
    if _version("snakemake-executor-plugin-slurm") is None:
        return Finding(
            "SLURM",
            State.NOTE,
            "answers, and Snakemake lacks its plugin: pip install snakemake-executor-plugin-slurm",
        )
    return Finding("SLURM", State.OK, f"partitions {', '.join(dict.fromkeys(partitions.split()))}")


def report(findings: Iterable[Finding]) -> tuple[str, bool]:
    """Return a line a finding, and whether the study can run."""
    found = list(findings)
    failed = sum(finding.state is State.FAIL for finding in found)
    last = (
        f"{failed} of {len(found)} checks failed."
        if failed
        else f"All {len(found)} checks passed; nothing was trained."
    )
    return "\n".join([*map(str, found), last]), not failed


def _gb(path: Path) -> float:
    files = path.rglob("*") if path.is_dir() else [path]
    return sum(file.stat().st_size for file in files if file.is_file()) / GB


def _version(name: str) -> str | None:
    try:
        # A build such as +cpu is the platform's choice.
        return metadata.version(name).split("+")[0]
    except metadata.PackageNotFoundError:
        return None


def _output(*command: str) -> str:
    """Return what a command of the machine prints; nothing where it is not there, fails or
    hangs.
    """
    if shutil.which(command[0]) is None:
        return ""
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=COMMAND_SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
