"""Which latent-variable model finds the groups in my data, and how sure can I be?"""

from importlib import import_module
from typing import Any

FUNCTIONS = {"judge": "judging"}
"""What is called on an AnnData, by the module that has it: imported when it is asked for."""


def __getattr__(name: str) -> Any:
    if name not in FUNCTIONS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{FUNCTIONS[name]}"), name)
