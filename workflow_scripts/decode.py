"""Decode with the weights of one trained network: reconstructions, samples, walks through the
code.
"""

from latentbench.evaluation.decoding import decode_replica, read_replica
from latentbench.files.artefacts import write_arrays
from latentbench.files.prepared import PreparedFile
from latentbench.logs import log_to
from latentbench.study.variant import Variant


def main(prepared, weights, status, decoded, *, variant):
    """Write the arrays of the first replica that ended ok; none where none did."""
    replica = read_replica(prepared, weights, status, Variant(**variant))
    write_arrays(
        {} if replica is None else decode_replica(replica, PreparedFile(prepared).image_shape()),
        decoded,
    )


if __name__ == "__main__":
    log_to(snakemake.log[0])
    main(
        snakemake.input.prepared,
        snakemake.input.weights,
        snakemake.input.status,
        snakemake.output.decoded,
        variant=snakemake.params.variant,
    )
