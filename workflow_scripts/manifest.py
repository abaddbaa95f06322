"""Write the manifest of the study's artefacts."""

from pathlib import Path

from latentbench.files.artefacts import write_table
from latentbench.files.manifest import manifest_of
from latentbench.logs import log_to


def main(files, manifest_path, *, of_refused) -> None:
    """Write path, size, checksum and rule of every file; ``files``: the rule that made them ->
    paths; ``of_refused``: what download leaves of data sets that were refused, if it came so far.
    """
    left = [path for path in of_refused if Path(path).is_file()]
    files = {**files, "download": [*files.get("download", []), *left]}
    write_table(manifest_of(files, Path(manifest_path).parent), manifest_path)


if __name__ == "__main__":
    log_to(snakemake.log[0])
    main(
        {
            rule: [paths] if isinstance(paths, str) else paths
            for rule, paths in snakemake.input.items()
            if rule != "code"
        },
        snakemake.output.manifest,
        of_refused=snakemake.params.of_refused,
    )
