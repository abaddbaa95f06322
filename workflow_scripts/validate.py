"""Rule validate: whether the study can run here; one line a check on the terminal."""

import os
import sys
from pathlib import Path

from latentbench.commands.doctor import (
    Finding,
    State,
    check_data,
    check_device,
    check_disk,
    check_environment,
    check_scheduler,
    report,
)
from latentbench.logs import log_to


def main(*, rows, config_sentence, mirror, cache, project, locks, folder) -> bool:
    """Print what every check finds and return whether the study can run."""
    findings = [
        Finding("config", State.OK, config_sentence),
        *(check_data(row, mirror=mirror, cache=Path(cache)) for row in rows),
        check_environment(Path(project), *map(Path, locks)),
        check_disk(Path(folder)),
        check_device(),
        check_scheduler(),
    ]
    text, is_fit = report(findings)
    sys.stdout.write(f"{text}\n")
    return is_fit


if __name__ == "__main__":
    log_to(snakemake.log[0])
    fit = main(
        rows=snakemake.params.rows,
        config_sentence=snakemake.params.study,
        mirror=snakemake.config["mirror"],
        cache=os.environ.get("LATENTBENCH_CACHE", "results/cache"),
        project=snakemake.input.project,
        locks=snakemake.input.locks,
        folder="results",
    )
    sys.exit(0 if fit else 1)
