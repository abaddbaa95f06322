"""Decode with the weights of one trained network: reconstructions, samples, walks through the code."""

import json
from pathlib import Path

from latentbench.artefacts import write_arrays
from latentbench.decoding import decode_variant, first_seed
from latentbench.logs import log_to, logger
from latentbench.training.variant import Variant


def main(prepared, weights, status, decoded, *, variant):
    """Write the arrays of the first replica that ended ok; none where none did."""
    replicas = json.loads(Path(status).read_text(encoding="utf-8"))["replicas"]
    seed = first_seed(replicas)
    if seed is None:
        logger.warning("no replica ended ok: nothing to decode")
    seeds = [replica["seed"] for replica in replicas]
    write_arrays({} if seed is None else decode_variant(prepared, weights, Variant(**variant), seeds=seeds, seed=seed), decoded)


if __name__ == "__main__":
    log_to(snakemake.log[0])
    main(snakemake.input.prepared, snakemake.input.weights, snakemake.input.status, snakemake.output.decoded, variant=snakemake.params.variant)
