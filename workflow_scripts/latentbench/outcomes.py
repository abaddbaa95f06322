"""How a training, a clustering or a score can end: every cell of every table carries one of
these.
"""

from dataclasses import dataclass
from enum import StrEnum


class Outcome(StrEnum):
    """Typed outcome; anything but ``OK`` comes with a reason and never with a number."""

    OK = "ok"
    FAILED = "failed"
    DIVERGED = "diverged"
    OOM = "oom"
    TIMEOUT = "timeout"
    DEGENERATE = "degenerate"
    NOT_APPLICABLE = "not_applicable"


@dataclass(frozen=True)
class Unavailable:
    """Why there is no value, in the place of the value; ``outcome`` is never ``OK``."""

    outcome: Outcome
    reason: str

    def __post_init__(self) -> None:
        assert self.outcome != Outcome.OK
        assert self.reason
