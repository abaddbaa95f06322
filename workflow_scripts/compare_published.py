"""Set what others have published beside the scores and predictions of this study."""

import pandas as pd

from latentbench.evaluation.published import compare_with_published, read_published
from latentbench.files.artefacts import write_table
from latentbench.logs import log_to


def main(sheet, scores, predictions, paths, *, n_bootstrap) -> None:
    """Write the table to every path; ``predictions``: the predictions table, or nothing where
    nothing is predicted.
    """
    predicted = pd.read_parquet(predictions[0]) if predictions else None
    table = compare_with_published(
        read_published(sheet), pd.read_parquet(scores), predicted, n_bootstrap=n_bootstrap
    )
    for path in paths:
        write_table(table, path)


if __name__ == "__main__":
    log_to(snakemake.log[0])
    inputs = snakemake.input
    main(
        inputs.sheet,
        inputs.scores,
        inputs.predictions,
        snakemake.output,
        n_bootstrap=snakemake.params.n_bootstrap,
    )
