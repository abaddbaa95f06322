"""Draw both latents of cells under one trained network that has two."""

from latentbench.evaluation.decoding import read_replica, sample_replica
from latentbench.files.artefacts import write_arrays
from latentbench.logs import log_to
from latentbench.study.variant import Variant


def main(prepared, weights, status, latents, *, variant):
    """Write the latents of the first replica that ended ok; none where none did."""
    replica = read_replica(prepared, weights, status, Variant(**variant))
    write_arrays({} if replica is None else sample_replica(replica), latents)


if __name__ == "__main__":
    log_to(snakemake.log[0])
    main(
        snakemake.input.prepared,
        snakemake.input.weights,
        snakemake.input.status,
        snakemake.output.latents,
        variant=snakemake.params.variant,
    )
