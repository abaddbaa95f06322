"""How the driver of a benchmark talks to a side: a process of its own environment that trains when it is told to and answers with its time."""

import json
import sys
from collections.abc import Callable


def serve(commands: dict[str, Callable[..., object]]) -> None:
    """Answer JSON lines ``[name, argument ...]`` on stdin with one JSON line each, until stdin ends."""
    answers = sys.stdout
    sys.stdout = sys.stderr  # a library that prints must not mix with the answers
    for line in sys.stdin:
        name, *arguments = json.loads(line)
        answers.write(json.dumps(commands[name](*arguments)) + "\n")
        answers.flush()
