"""What a misspelt name was perhaps meant to be."""

from collections.abc import Iterable
from difflib import get_close_matches
from typing import Any


def nearest(word: Any, words: Iterable[Any]) -> str:
    """Return ``"; did you mean 'x'?"`` for the most similar word, or nothing."""
    close = get_close_matches(str(word), [str(known) for known in words], n=1, cutoff=0.5)
    return f"; did you mean '{close[0]}'?" if close else ""
