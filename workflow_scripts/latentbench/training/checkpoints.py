"""Checkpoints: the whole state of a training in one file, so that a run that was killed goes on as
if it had not been.

A checkpoint is a safetensors file (no code is ever unpickled) whose header holds the rest of the
state as JSON, what it belongs to, and a digest of all of it. It is written atomically; the last one
is kept beside the new one, so that there is always a whole one."""

import hashlib
import json
import shutil
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from latentbench.files.artefacts import atomic_path, sha256_of
from latentbench.logs import logger

GENERATIONS = 2


@dataclass(frozen=True)
class CheckpointFolder:
    """Where the checkpoints of one job lie (outside its declared outputs, which Snakemake deletes
    when it fails), and how often they are written.

    ``belongs_to`` says what training they are of: a checkpoint of anything else is not resumed.
    ``every_seconds`` is the time between two. A training that was shorter is as quickly done again,
    and its end not saved unless ``every_end`` says so, for jobs of many trainings."""

    path: Path
    belongs_to: str
    every_seconds: float = 30.0
    every_end: bool = False

    def of_part(self, name: str) -> "CheckpointFolder":
        """Return the checkpoints of one of several trainings of the job; ``name`` says which, and
        nothing but that training may have it.
        """
        return replace(
            self, path=self.path / name, belongs_to=f"{self.belongs_to} {name}", every_end=True
        )

    def of(self, seeds: tuple[int, ...]) -> "Checkpoints":
        """Return the checkpoints of the replicas that are trained together."""
        digest = hashlib.sha256(f"{self.belongs_to} {list(seeds)}".encode()).hexdigest()
        return Checkpoints(
            self.path / ("seed" + "-".join(map(str, seeds))),
            digest,
            self.every_seconds,
            every_end=self.every_end,
        )

    def clear(self) -> None:
        """Delete all of them: the results are written."""
        shutil.rmtree(self.path, ignore_errors=True)


def checkpoints_of_job(
    path: str | Path,
    *,
    every_seconds: float,
    data: Sequence[str | Path],
    variant: Mapping[str, Any],
    code: Sequence[str | Path],
) -> CheckpointFolder:
    """Return the place of a job's checkpoints, which belong to these files of data (their size and
    time), this variant and code, and to nothing else.
    """
    stats = [Path(file).stat() for file in data]
    files = [sha256_of(file) for file in sorted(code)]
    made_of = json.dumps(
        [[(stat.st_size, stat.st_mtime_ns) for stat in stats], variant, files, torch.__version__],
        sort_keys=True,
    )
    return CheckpointFolder(Path(path), hashlib.sha256(made_of.encode()).hexdigest(), every_seconds)


class Checkpoints:
    """The checkpoints of one stack of replicas, newest last."""

    def __init__(
        self, folder: Path, belongs_to: str, every_seconds: float, *, every_end: bool = False
    ) -> None:
        self.folder, self.belongs_to, self.every_seconds, self.every_end = (
            folder,
            belongs_to,
            every_seconds,
            every_end,
        )
        self._last_written = time.monotonic()

    def is_due(self) -> bool:
        """Whether the time between two checkpoints has passed."""
        return time.monotonic() - self._last_written >= self.every_seconds

    def wants_end(self, seconds: float) -> bool:
        """Whether the end of a training that took so many seconds is to be saved."""
        return self.every_end or seconds >= self.every_seconds

    def save(self, tensors: Mapping[str, Tensor], state: Mapping[str, Any]) -> Path:
        """Write a checkpoint of tensors (on any device) and of what JSON can hold; floats come back
        as the same floats.
        """
        known = self._files()
        number = _number(known[-1]) + 1 if known else 0
        held = {name: tensor.detach().to("cpu").contiguous() for name, tensor in tensors.items()}
        header = {"belongs_to": self.belongs_to, "state": json.dumps(state)}
        path = self.folder / f"{number:06d}.safetensors"
        with atomic_path(path) as temporary:
            save_file(held, temporary, metadata={**header, "sha256": _digest(held, header)})
        for old in known[: len(known) + 1 - GENERATIONS]:
            old.unlink(missing_ok=True)
        self._last_written = time.monotonic()
        return path

    def load(self) -> tuple[dict[str, Tensor], dict[str, Any]] | None:
        """Return the newest checkpoint that is whole and belongs to this training; a broken one is
        named in the log and passed over.
        """
        for path in reversed(self._files()):
            try:
                tensors, header = _read(path)
            except (SafetensorError, OSError, KeyError, ValueError) as broken:
                logger.warning(
                    "checkpoint %s is broken (%s): using the one before it", path, broken
                )
                continue
            if header["belongs_to"] == self.belongs_to:
                logger.info("resuming from checkpoint %s", path)
                return tensors, json.loads(header["state"])
            logger.info(
                "checkpoint %s is of another training (its data, options or code have changed): not"
                " used",
                path,
            )
        return None

    def _files(self) -> list[Path]:
        return sorted(path for path in self.folder.glob("*.safetensors") if path.stem.isdigit())


def _number(path: Path) -> int:
    return int(path.stem)


def _read(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    with safe_open(path, framework="pt") as file:
        header = file.metadata() or {}
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a dict)
    if header.pop("sha256", None) != _digest(tensors, header):
        raise ValueError("its digest does not fit its content")
    return tensors, header


def _digest(tensors: Mapping[str, Tensor], header: Mapping[str, str]) -> str:
    digest = hashlib.sha256(json.dumps(dict(sorted(header.items()))).encode())
    for name in sorted(tensors):
        tensor = tensors[name]
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        digest.update(tensor.reshape(-1).view(torch.uint8).numpy())
    return digest.hexdigest()
