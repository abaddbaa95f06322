"""Run the notebook of one chapter and render it."""

from latentbench.logs import log_to
from latentbench.report.notebook import run_notebook
from latentbench.report.tables import STUDY_TABLES

if __name__ == "__main__":
    log_to(snakemake.log[0])
    inputs = snakemake.input
    figures = {
        str(path).removeprefix("results/figures/").removesuffix(".png"): str(path)
        for path in inputs.figures
    }
    paths = {
        "tables": {name: str(inputs[name]) for name in STUDY_TABLES},
        "published": str(inputs.published),
        "theory": str(inputs.theory),
        "predictions": str(inputs.predictions[0]) if inputs.predictions else "",
        "figures": figures,
    }
    chapter = snakemake.wildcards.chapter
    parameters = {"chapter": chapter, "datasets": list(snakemake.params.datasets), "paths": paths}
    run_notebook(
        inputs.notebook,
        snakemake.output.notebook,
        snakemake.output.html,
        parameters,
        title=snakemake.params.title,
    )
