"""python -m latentbench.commands.compare A B: what differs between two results
folders beyond seed noise, in words and, with --output, as a table.

Ends with 0 when nothing differs beyond seed noise, 1 when something does (a value beyond noise, or
the outcome of a replica), 2 on bad input."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from latentbench.evaluation.bootstrap import ALPHA
from latentbench.evaluation.comparison import (
    LEAST_ALIKE,
    NEEDED,
    ROW,
    Verdict,
    compare,
    counts,
    differs,
)
from latentbench.files.artefacts import sha256_of, write_table

SHOWN = 15
WORDS = {
    Verdict.BEYOND_NOISE: "beyond seed noise",
    Verdict.UNTESTED: "differ, with too few seeds for a test",
    Verdict.WITHIN_NOISE: "within seed noise",
    Verdict.NO_VALUE: "without a value on one side or both",
    Verdict.IDENTICAL: "identical",
    Verdict.ONLY_IN_A: "only in A",
    Verdict.ONLY_IN_B: "only in B",
}


def scores_path(given: str | Path) -> Path:
    """Return the scores table of a results folder, or of a path to the table itself.

    Raises:
        ValueError: there is none.
    """
    path = Path(given)
    path = path / "tables" / "scores.tsv" if path.is_dir() else path
    if not path.is_file():
        raise ValueError(
            f"{path}: no such file; give a results folder, as a finished study leaves it, with"
            " tables/scores.tsv in it"
        )
    return path


def read_side(path: Path) -> pd.DataFrame:
    """Return a scores table.

    Raises:
        ValueError: it is no scores table.
    """
    # Imported here: two identical files are told without it.
    from latentbench.files.tables import SCORES

    try:
        scores = SCORES.read(path)
    except (ValueError, UnicodeDecodeError) as mistake:
        raise ValueError(
            f"{path}: cannot be read as a scores table ({mistake}); it may be truncated: make it"
            " anew"
        ) from None
    missing = [column for column in NEEDED if column not in scores]
    if missing:
        raise ValueError(
            f"{path}: no column {', '.join(missing)}; it has {', '.join(scores.columns)}; give a"
            " scores.tsv of latentbench"
        )
    return scores


def summary(frame: pd.DataFrame) -> str:
    """Return the comparison in words, worst first."""
    found = {WORDS[Verdict(verdict)]: count for verdict, count in counts(frame).items() if count}
    lines = [
        f"{len(frame)} rows (data set, model, split, clustering, metric): "
        + ", ".join(f"{count} {words}" for words, count in found.items())
        + "."
    ]
    tested = frame["p_value"].dropna()
    if len(tested):
        small, by_chance = int((tested <= ALPHA).sum()), f"{ALPHA * len(tested):.1f}"
        lines.append(
            f"{len(tested)} tests: {small} have p <= {ALPHA} before Holm's correction, where chance"
            f" alone gives about {by_chance}."
        )
    lines += _listed(
        "Beyond seed noise:",
        [_change(row) for row in frame[frame["verdict"] == Verdict.BEYOND_NOISE].itertuples()],
    )
    lines += _listed("Outcomes that changed:", _outcomes(frame))
    lines += _listed(
        "Too few seeds for a test:",
        [_change(row) for row in frame[frame["verdict"] == Verdict.UNTESTED].itertuples()],
    )
    for verdict in (Verdict.ONLY_IN_A, Verdict.ONLY_IN_B):
        groups = frame[frame["verdict"] == verdict].groupby(["dataset", "model"], sort=True).size()
        lines += _listed(
            f"O{WORDS[verdict][1:]}:",
            [f"{model} on {dataset} ({rows} rows)" for (dataset, model), rows in groups.items()],
        )
    for side in "ab":
        partly = frame[
            (frame[f"seeds_only_in_{side}"] != "")
            & ~frame["verdict"].isin([Verdict.ONLY_IN_A, Verdict.ONLY_IN_B])
        ]
        groups = partly.groupby(["dataset", "model", f"seeds_only_in_{side}"], sort=True).size()
        lines += _listed(
            f"Seeds only in {side.upper()}:",
            [
                f"{model} on {dataset}: {seeds} ({rows} rows)"
                for (dataset, model, seeds), rows in groups.items()
            ],
        )
    lines += [
        "",
        (
            "Something differs beyond seed noise."
            if differs(frame)
            else "Nothing that both have differs beyond seed noise."
        ),
    ]
    return "\n".join(lines) + "\n"


def _change(row) -> str:
    by = (
        f"Holm-adjusted p {row.p_holm:.2g}, {row.test}"
        if row.p_holm == row.p_holm
        else row.test or f"fewer than {LEAST_ALIKE} seeds"
    )
    place = ", ".join(getattr(row, key) for key in ROW)
    return (
        f"{place}: {row.mean_a:.4g} -> {row.mean_b:.4g} ({row.difference:+.4g}; {by}; seeds"
        f" {row.n_a} and {row.n_b})"
    )


def _outcomes(frame: pd.DataFrame) -> list[str]:
    """A replica that failed fails in all of its rows: each change is told once."""
    changed = frame[frame["statuses"] != ""]
    single = changed.assign(change=changed["statuses"].str.split("; ")).explode("change")
    groups = single.groupby(["dataset", "model", "change"], sort=True).size()
    return [
        f"{model} on {dataset}, {change} ({rows} rows)"
        for (dataset, model, change), rows in groups.items()
    ]


def _listed(title: str, entries: Sequence[str]) -> list[str]:
    if not entries:
        return []
    more = (
        [f"  ... and {len(entries) - SHOWN} more; --output FILE.tsv writes them all"]
        if len(entries) > SHOWN
        else []
    )
    return ["", title, *(f"  {entry}" for entry in entries[:SHOWN]), *more]


def main(arguments: Sequence[str] | None = None) -> int:
    """Compare, write what was found, and return the exit status."""
    parser = argparse.ArgumentParser(
        prog="latentbench.commands.compare",
        description="What differs between two results folders beyond seed noise.",
    )
    parser.add_argument("a", metavar="A", help="a results folder")
    parser.add_argument("b", metavar="B", help="another one")
    parser.add_argument(
        "--output",
        metavar="FILE.tsv",
        help="write the whole comparison here, a row for each row of the scores",
    )
    given = parser.parse_args(arguments)
    try:
        if given.output and Path(given.output).suffix not in (".tsv", ".parquet"):
            raise ValueError(f"--output {given.output}: give a name that ends in .tsv or .parquet")
        paths = [scores_path(given.a), scores_path(given.b)]
        if not given.output and sha256_of(paths[0]) == sha256_of(paths[1]):
            sys.stdout.write(f"{paths[0]} and {paths[1]} are identical byte for byte.\n")
            return 0
        frame = compare(read_side(paths[0]), read_side(paths[1]))
        if frame["verdict"].isin([Verdict.ONLY_IN_A, Verdict.ONLY_IN_B]).all():
            raise ValueError(
                f"{paths[0]} and {paths[1]} have no row in common, so nothing can be compared; give"
                " two studies with a data set and a model in common"
            )
    except ValueError as mistake:
        sys.stderr.write(f"{mistake}\n")
        return 2
    sys.stdout.write(f"A: {paths[0]}\nB: {paths[1]}\n{summary(frame)}")
    if given.output:
        write_table(frame, given.output)
    return int(differs(frame))


if __name__ == "__main__":
    sys.exit(main())
