"""Rule download: a row of the data sheet to raw.h5ad."""

import os
from pathlib import Path
from typing import Any

from latentbench.data.raw import write_raw
from latentbench.data.sources import fetch
from latentbench.logs import log_to


def main(
    raw_path: str, *, row: dict[str, Any], mirror: str | None, cache: str, stream_above_gb: float
) -> None:
    """Fetch the data set that ``row`` describes, from the mirror folder or its sources, and write
    it.
    """
    write_raw(
        fetch(row, mirror=mirror, cache=Path(cache), stream_above_gb=stream_above_gb), raw_path
    )


if __name__ == "__main__":
    log_to(snakemake.log[0])
    # From the config and not from params: another mirror or another limit must not make the data,
    # and all that follows, anew.
    main(
        snakemake.output.raw,
        row=snakemake.params.row,
        mirror=snakemake.config["mirror"],
        # A folder that several studies share, where the machine names one.
        cache=os.environ.get("LATENTBENCH_CACHE", snakemake.params.cache),
        stream_above_gb=snakemake.config["preprocessing"]["stream_above_gb"],
    )
