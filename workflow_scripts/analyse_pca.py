"""Say how much each principal component of a data set holds, and how far linear autoencoders are
from them.
"""

from latentbench.evaluation.principal_components import pca_table
from latentbench.files.artefacts import write_table
from latentbench.files.embedding import read_status
from latentbench.logs import log_to


def main(prepared_path, weight_paths, status_paths, table_path) -> None:
    """Write the table; the weights and the statuses of the linear autoencoders by name."""
    statuses = {model: read_status(path) for model, path in status_paths.items()}
    write_table(pca_table(prepared_path, weight_paths, statuses), table_path)


if __name__ == "__main__":
    log_to(snakemake.log[0])
    models, given = snakemake.params.models, snakemake.input
    main(
        given.prepared,
        *(dict(zip(models, paths, strict=True)) for paths in (given.weights, given.statuses)),
        snakemake.output[0],
    )
