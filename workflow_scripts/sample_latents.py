"""Draw both latents of cells under one trained network that has two."""

import json
from pathlib import Path

from latentbench.artefacts import write_arrays
from latentbench.decoding import first_seed, sample_variant
from latentbench.logs import log_to, logger
from latentbench.training.variant import Variant


def main(prepared, weights, status, latents, *, variant):
    """Write the latents of the first replica that ended ok; none where none did."""
    replicas = json.loads(Path(status).read_text(encoding="utf-8"))["replicas"]
    seed = first_seed(replicas)
    if seed is None:
        logger.warning("no replica ended ok: nothing to draw from")
    seeds = [replica["seed"] for replica in replicas]
    write_arrays({} if seed is None else sample_variant(prepared, weights, Variant(**variant), seeds=seeds, seed=seed), latents)


if __name__ == "__main__":
    log_to(snakemake.log[0])
    main(snakemake.input.prepared, snakemake.input.weights, snakemake.input.status, snakemake.output.latents, variant=snakemake.params.variant)
