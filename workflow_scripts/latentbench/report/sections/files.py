"""Links to the files of the study."""

from typing import Any

from latentbench.report.results import Results
from latentbench.report.sections import Section
from latentbench.report.sections.data import notebook


def view(results: Results) -> dict[str, Any]:
    """Return the tables by name, and of every data set whether it has a notebook."""
    return {
        "tables": sorted(path.stem for path in results.paths("tables/*.parquet")),
        "notebooks": {each: results.has(notebook(each)) for each in results.datasets},
    }


SECTION = Section(200, "Files", view)
