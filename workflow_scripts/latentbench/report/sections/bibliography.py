"""What the study cites, as a list; the same as BibTeX lies beside the page."""

from typing import Any

from latentbench.report.citations import Entry, formatted, references_of
from latentbench.report.results import Results
from latentbench.report.sections import Section
from latentbench.report.sections.methods import methods_text


def view(results: Results) -> dict[str, Any]:
    """Return the references as texts by key."""
    return {"references": {key: formatted(entry) for key, entry in cited(results).items()}}


def cited(results: Results) -> dict[str, Entry]:
    """Return what the study cites: models, data sets, the methods text, software."""
    return references_of(
        results.tables.kinds.values(),
        [results.origin(dataset) for dataset in results.datasets],
        methods_text(results.config, results.tables),
        results.versions,
        results.config,
    )


SECTION = Section(190, "References", view)
