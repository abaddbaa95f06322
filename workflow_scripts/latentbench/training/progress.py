"""A progress bar on a terminal; nothing anywhere else, where the log's lines tell how far a
training is.
"""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from tqdm import tqdm

Progress = Callable[[int, float], None]
"""Takes note that the training of a replica (its index) is done to a share from 0 to 1."""


@contextmanager
def progress_bar(n_replicas: int, *, description: str, shown: bool = True) -> Iterator[Progress]:
    """Show a bar of all replicas together while inside the block, if asked to and if standard error
    is a terminal.
    """
    shares = [0.0] * n_replicas
    shape = "{l_bar}{bar}| {elapsed}<{remaining}"
    with tqdm(
        total=100.0,
        desc=description,
        bar_format=shape,
        leave=False,
        disable=not (shown and sys.stderr.isatty()),
    ) as bar:

        def show(index: int, done: float) -> None:
            bar.update(100 * (done - shares[index]) / n_replicas)
            shares[index] = done

        yield show
