"""What every side of the benchmark of evaluation is asked for, and the clock it runs by."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Evaluation:
    """One embedding's: a graph of ``n_neighbors`` others a cell, Leiden at every resolution, ARI
    and NMI of each, the silhouette of ``n_sampled`` cells.
    """

    n_neighbors: int = 15
    resolutions: tuple[float, ...] = (0.1, 0.2, 0.35, 0.5, 0.75, 1.0, 1.5, 2.0, 2.5, 3.0)
    n_iterations: int = 2
    n_sampled: int = 10_000


@dataclass
class Clock:
    """Seconds of every step."""

    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        started = time.perf_counter()
        yield
        self.seconds[name] = time.perf_counter() - started
