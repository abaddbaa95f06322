"""A variant as it is trained on one data set: typed, and light enough to travel anywhere."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from latentbench.study.applicability import layer_of, sees_labels
from latentbench.training.options import TaskOptions


@dataclass(frozen=True)
class Variant:
    """A variant as the models sheet has it, resolved for one data set (``Study.variant``).

    ``task`` and ``training`` hold the keys that the sheet states: their defaults are those of
    ``training.options``."""

    kind: str
    likelihood: str | None
    hyperparameters: Mapping[str, Any]
    task: Mapping[str, Any] = field(default_factory=dict)
    training: Mapping[str, Any] = field(default_factory=dict)
    covariates: Sequence[str] = ()

    @property
    def layer(self) -> str:
        """The layer of a prepared data set that its likelihood scores."""
        return layer_of(self.likelihood)

    @property
    def saw_labels(self) -> bool:
        """Whether it is shown labels, of the data set or of another."""
        return sees_labels({"kind": self.kind, "task": self.task})

    @property
    def task_options(self) -> TaskOptions:
        """Which classes its training is shown."""
        return TaskOptions(**self.task)

    @property
    def stated(self) -> dict[str, Any]:
        """The same as plain values, for Snakemake's params."""
        return asdict(self)
