"""Say how the study ended, and fail if it should have ended better."""

import pandas as pd

from latentbench.evaluation.verdict import verdict
from latentbench.files.artefacts import write_text
from latentbench.logs import log_to, logger


def main(status_path, verdict_path, *, refused, allow_failures) -> None:
    """Write the verdict."""
    sentence = verdict(pd.read_parquet(status_path), refused=refused, allow_failures=allow_failures)
    logger.info(sentence)
    write_text(sentence + "\n", verdict_path)


if __name__ == "__main__":
    log_to(snakemake.log[0])
    main(
        snakemake.input.status,
        snakemake.output[0],
        refused=snakemake.params.refused,
        allow_failures=snakemake.params.allow_failures,
    )
