"""What the models make of the data: decoded images, components, markers, gene means."""

from typing import Any

from latentbench.report.figures import placed_by_dataset
from latentbench.report.results import Results
from latentbench.report.sections import Section


def view(results: Results) -> dict[str, Any] | None:
    """Return the figures by data set."""
    figures = placed_by_dataset(results, "details")
    return {"datasets": figures} if figures else None


SECTION = Section(80, "Details", view, heading="What the models make of the data")
