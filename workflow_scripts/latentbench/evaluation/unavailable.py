"""A clustering or a score that could not be had: a typed outcome with its reason, in the place of the value."""

from dataclasses import dataclass

from latentbench.outcomes import Outcome


@dataclass(frozen=True)
class Unavailable:
    """Why there is no value; ``outcome`` is never ``OK``."""

    outcome: Outcome
    reason: str

    def __post_init__(self) -> None:
        assert self.outcome != Outcome.OK
        assert self.reason
