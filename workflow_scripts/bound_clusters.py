"""Bound the number of clusters of a data set that nobody declared, without labels."""

from dataclasses import asdict

from latentbench.answer.bound import bound_clusters
from latentbench.files.artefacts import write_json
from latentbench.files.prepared import PreparedFile
from latentbench.logs import log_to


def main(prepared_path, bound_path) -> None:
    """Write the bound, and the number of groups that it is from."""
    prepared = PreparedFile(prepared_path)
    bound = bound_clusters(prepared.components.astype(float), batch=prepared.batch)
    write_json(asdict(bound), bound_path)


if __name__ == "__main__":
    log_to(snakemake.log[0])
    main(snakemake.input.prepared, snakemake.output.bound)
