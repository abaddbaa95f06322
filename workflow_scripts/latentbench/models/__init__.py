"""The registry of model kinds: what the files of this folder hold, and what a file of the user's
own does. A kind's module is imported on first use, so that reading a study costs nothing and an
edit of one model touches no other.
"""

from pathlib import Path

from latentbench.models.kinds import Kind, Registry

DATA_MODALITIES = ("counts", "images", "real")

MODELS: Registry = Registry(Path(__file__).parent)
"""The kinds of this folder, by name; ``MODELS["path/to/file.py:Class"]`` is one of another."""

__all__ = ["DATA_MODALITIES", "MODELS", "Kind"]
