"""Write the manifest of the study's artefacts."""

from pathlib import Path

from latentbench.files.artefacts import write_table
from latentbench.files.manifest import manifest_of
from latentbench.logs import log_to


def main(files, manifest_path) -> None:
    """Write path, size, checksum and rule of every file; ``files``: the rule that made them ->
    paths.
    """
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
    )
