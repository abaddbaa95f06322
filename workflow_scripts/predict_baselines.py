"""Predict the stimulated cells of one cell type at a time without a network, and say which types are too small to ask about."""

import pandas as pd
from threadpoolctl import threadpool_limits

from latentbench.artefacts import write_table
from latentbench.logs import log_to
from latentbench.prediction.baselines import baseline_predictions
from latentbench.prediction.protocol import held_out_types, read_perturbation
from latentbench.prediction.tables import ALL_METHODS, prediction_table, rows_without


def main(prepared, predictions_path, *, dataset, request) -> None:
    """Write the predictions table of the baselines on one data set."""
    perturbation = read_perturbation(prepared, control=request["control"], stimulated=request["stimulated"])
    questions, too_few = held_out_types(perturbation, min_cells=request["min_cells"])
    not_asked = prediction_table(rows_without(dataset, ALL_METHODS, too_few))
    write_table(pd.concat([baseline_predictions(perturbation, questions, dataset=dataset), not_asked], ignore_index=True), predictions_path)


if __name__ == "__main__":
    log_to(snakemake.log[0])
    with threadpool_limits(limits=snakemake.threads):
        main(snakemake.input.prepared, snakemake.output.predictions, dataset=snakemake.wildcards.dataset, request=snakemake.params.request)
