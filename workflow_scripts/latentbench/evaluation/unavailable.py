"""``Unavailable`` where the evaluation looks for it; it lives in outcomes.py, since a training has values that cannot be had as well."""

from latentbench.outcomes import Unavailable

__all__ = ["Unavailable"]
