"""python -m latentbench.commands.verify results: whether every artefact of a results folder is
as the manifest says.

Ends with 0 when it is, 1 when a file is missing, changed or unknown to the manifest, 2 when there
is no whole manifest."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from latentbench.files.manifest import NAME, Problem, check, read_manifest

REMEDIES = {
    Problem.MISSING: "Delete manifest.tsv and run the study again: what is missing is made anew.",
    Problem.CHANGED: (
        "Delete what was changed and manifest.tsv, and run the study again: both are made anew."
    ),
    Problem.UNKNOWN: "Delete what is unknown, or keep it elsewhere: its origin cannot be told.",
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Check, write what was found, and return the exit status."""
    parser = argparse.ArgumentParser(
        prog="latentbench.commands.verify",
        description="Whether every artefact of a results folder is as its manifest says.",
    )
    parser.add_argument(
        "folder", nargs="?", default="results", help="the results folder (default: results)"
    )
    folder = Path(parser.parse_args(arguments).folder)
    try:
        manifest = read_manifest(folder / NAME)
    except ValueError as mistake:
        sys.stderr.write(f"{mistake}\n")
        return 2
    findings = list(check(folder, manifest))
    for finding in findings:
        sys.stdout.write(
            f"{finding.problem.upper()}: {folder / finding.path}: {finding.sentence}.\n"
        )
    for problem in dict.fromkeys(finding.problem for finding in findings):
        sys.stdout.write(f"{REMEDIES[problem]}\n")
    if not findings:
        sys.stdout.write(
            f"{folder}: all {len(manifest)} files ({manifest['size'].sum() / 1e6:,.1f} MB) are as"
            " they were written, and there are no others.\n"
        )
    return int(bool(findings))


if __name__ == "__main__":
    sys.exit(main())
