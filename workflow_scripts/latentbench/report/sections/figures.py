"""Every figure of the study, in a list that a reader chooses from."""

from typing import Any

from latentbench.report.figures import figures_of, of_dataset, of_study, plates
from latentbench.report.results import Results
from latentbench.report.sections import Section


def view(results: Results) -> dict[str, Any] | None:
    """Return all figures in groups: of the study, of each data set, of the models, and the numbered
    ones of the thesis.
    """
    groups = {
        "The whole study": of_study(results),
        **{dataset: of_dataset(results, dataset) for dataset in results.datasets},
        "Models": plates(results),
        "Numbered figures of the thesis": figures_of("thesis", results.figures("thesis")),
    }
    groups = {name: figures for name, figures in groups.items() if figures}
    shorts = dict.fromkeys(each["short"] for figures in groups.values() for each in figures)
    return {"groups": groups, "shorts": list(shorts)} if groups else None


SECTION = Section(150, "Figures", view)
