"""Rule preprocess: raw.h5ad to prepared.h5ad."""

from typing import Any

import anndata as ad

from latentbench.data.row_blocks import gb_in_memory, read_frame, warn_of_large_dense
from latentbench.faults import reading
from latentbench.files.artefacts import write_h5ad
from latentbench.logs import log_to, logger
from latentbench.preprocessing.mapped import preprocess_on_disk
from latentbench.preprocessing.presets import preprocess
from latentbench.preprocessing.subset import Subset


def main(
    raw_path: str,
    prepared_path: str,
    *,
    preset: str,
    options: dict[str, Any],
    split: dict[str, Any],
    subset: dict[str, Any],
    held_out: float,
    stream_above_gb: float,
) -> None:
    """Check, split and prepare one data set, and write it; counts that take more than
    ``stream_above_gb`` in memory are never held there.
    """
    asked = {"preset": preset, "options": options, "split": split, "subset": Subset(**subset)}
    asked["held_out"] = held_out
    if gb_in_memory(raw_path, "X") > stream_above_gb:
        return preprocess_on_disk(raw_path, prepared_path, **asked)
    warn_of_large_dense(raw_path, stream_above_gb)
    with reading(raw_path):
        raw = ad.read_h5ad(raw_path)
    prepared = preprocess(raw, **asked)
    logger.info(
        "%s: %d x %d; filters %s",
        prepared_path,
        prepared.n_obs,
        prepared.n_vars,
        prepared.uns["latentbench"]["filters"],
    )
    write_h5ad(prepared, prepared_path)


if __name__ == "__main__":
    log_to(snakemake.log[0])
    main(
        snakemake.input.raw,
        snakemake.output.prepared,
        preset=snakemake.params.preset,
        options=snakemake.params.options,
        split=snakemake.params.split,
        subset={
            **snakemake.params.subset,
            "var_names": (
                read_frame(snakemake.input.genes_of).var_names if snakemake.input.genes_of else None
            ),
        },
        held_out=snakemake.params.held_out,
        stream_above_gb=snakemake.params.stream_above_gb,
    )
