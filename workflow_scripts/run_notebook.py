"""Run the notebook of one data set and render it."""

from latentbench.logs import log_to
from latentbench.report.notebook import run_of_results

if __name__ == "__main__":
    log_to(snakemake.log[0])
    dataset = snakemake.wildcards.dataset
    parameters = {"dataset": dataset, "sheet": dict(snakemake.params.sheet)}
    run_of_results(snakemake.input, snakemake.output, parameters, title=dataset)
