"""Run the notebook of one chapter and render it."""

from latentbench.logs import log_to
from latentbench.report.notebook import run_of_results

if __name__ == "__main__":
    log_to(snakemake.log[0])
    parameters = {
        "chapter": snakemake.wildcards.chapter,
        "datasets": list(snakemake.params.datasets),
    }
    run_of_results(snakemake.input, snakemake.output, parameters, title=snakemake.params.title)
