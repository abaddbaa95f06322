"""An interactive scatter of every embedding of every seed."""

from typing import Any

from latentbench.report.explorer.page_explorer import explorer_view
from latentbench.report.results import Results
from latentbench.report.sections import Section


def view(results: Results) -> dict[str, Any] | None:
    """Return the packed library and data sets; None where no data set has an embedding."""
    found = explorer_view(results.paths("explorer/*.safetensors"))
    return found if found["explored"] else None


SECTION = Section(60, "Explorer", view)
