"""Predict stimulated cells without a network, and say which types are too small to ask about."""

import pandas as pd
from threadpoolctl import threadpool_limits

from latentbench.files.artefacts import write_table
from latentbench.logs import log_to
from latentbench.prediction.baselines import baseline_predictions
from latentbench.prediction.protocol import questions_of, read_perturbation
from latentbench.prediction.tables import ALL_METHODS, prediction_table, rows_without


def main(prepared, predictions_path, means_path, *, dataset, request) -> None:
    """Write the predictions table of the baselines on one data set, and the gene means behind
    it.
    """
    perturbation = read_perturbation(
        prepared, control=request["control"], stimulated=request["stimulated"]
    )
    questions, too_few = questions_of(
        perturbation, hidden=request["hidden"], min_cells=request["min_cells"]
    )
    not_asked = prediction_table(rows_without(dataset, ALL_METHODS, too_few, request["hidden"]))
    predictions, means = baseline_predictions(perturbation, questions, dataset=dataset)
    write_table(pd.concat([predictions, not_asked], ignore_index=True), predictions_path)
    write_table(means, means_path)


if __name__ == "__main__":
    log_to(snakemake.log[0])
    given, made = snakemake.input, snakemake.output
    with threadpool_limits(limits=snakemake.threads):
        main(
            given.prepared,
            made.predictions,
            made.means,
            dataset=snakemake.wildcards.dataset,
            request=snakemake.params.request,
        )
