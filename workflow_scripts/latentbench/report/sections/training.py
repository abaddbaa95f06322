"""Loss terms over epochs, and what became of the clusters."""

from typing import Any

from latentbench.report.figures import placed_by_dataset
from latentbench.report.results import Results
from latentbench.report.sections import Section


def view(results: Results) -> dict[str, Any] | None:
    """Return the figures by data set."""
    figures = placed_by_dataset(results, "training")
    return {"datasets": figures} if figures else None


SECTION = Section(70, "Training", view, heading="Training and clusters")
