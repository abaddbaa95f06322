"""Every kind of table that the pipeline writes: its columns with their types, in order, and what
its rows are sorted by. One reader and one writer for all of them.

A value that could not be had is empty, and a column ``status`` with a ``reason`` says why. Text is
text: only the empty string is missing, for a data set may well be called NA.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from latentbench.files.artefacts import write_table

TEXT, WHOLE, SEED, REAL, TRUTH = "str", "int64", "Int64", "float64", "bool"
"""Types of columns; ``SEED`` is a whole number that may be missing: a row of a variant that never
ran, or of all its seeds together."""


@dataclass(frozen=True)
class Table:
    """One kind of table: its name, the type of every column, and the columns that order its
    rows.
    """

    name: str
    types: Mapping[str, str]
    order: tuple[str, ...] = ()

    @property
    def columns(self) -> list[str]:
        """The names of the columns, in order."""
        return list(self.types)

    def frame(self, rows: Iterable[Any] = ()) -> pd.DataFrame:
        """Return rows (tuples, or mappings by column) as a frame of this kind."""
        return self.typed(pd.DataFrame(list(rows), columns=self.columns))

    def typed(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Return the columns of this kind of a frame, with their types; texts are left alone."""
        types = {name: kind for name, kind in self.types.items() if kind != TEXT}
        return frame[self.columns].astype(types)

    def stacked(self, frames: Sequence[pd.DataFrame]) -> pd.DataFrame:
        """Return the rows of several frames in one, sorted."""
        # Empty frames are left out: they would decide the types of the rest.
        filled = [self.typed(frame) for frame in frames if len(frame)] or [self.frame()]
        whole = pd.concat(filled, ignore_index=True)
        return (
            whole.sort_values(list(self.order), kind="stable", ignore_index=True)
            if self.order
            else whole
        )

    def read(self, path: str | Path) -> pd.DataFrame:
        """Return a table of this kind, from tsv or parquet by the suffix.

        Raises:
            ValueError: it lacks a column.
        """
        frame = pd.read_parquet(path) if Path(path).suffix == ".parquet" else self._read_text(path)
        if missing := [column for column in self.columns if column not in frame]:
            raise ValueError(
                f"{path}: no column {', '.join(missing)}; it has {', '.join(frame.columns)}; make"
                " the table anew with this version"
            )
        return frame

    def _read_text(self, path: str | Path) -> pd.DataFrame:
        # Round trip: the default parser may be off by one unit in the last place.
        absent = {name: [""] for name, kind in self.types.items() if kind in (REAL, SEED)}
        return pd.read_csv(
            path,
            sep="\t",
            dtype={name: str if kind == TEXT else kind for name, kind in self.types.items()},
            keep_default_na=False,
            na_values=absent,
            float_precision="round_trip",
        )

    def write(self, frame: pd.DataFrame, *paths: str | Path) -> None:
        """Write a table of this kind under every one of ``paths``, as tsv or parquet by the
        suffix.
        """
        for path in paths:
            write_table(frame, path)


def _texts(*names: str) -> dict[str, str]:
    return dict.fromkeys(names, TEXT)


def _reals(*names: str) -> dict[str, str]:
    return dict.fromkeys(names, REAL)


IDENTITY = ("dataset", "model", "seed", "split", "clustering", "metric")
"""The columns that tell the scores apart."""

GAP = _texts("status", "reason")

SCORES = Table(
    "scores",
    {
        **_texts("dataset", "model"),
        "seed": SEED,
        **_texts("split", "clustering", "metric"),
        "value": REAL,
        **GAP,
        "saw_labels": TRUTH,
        "headline": TRUTH,
    },
    IDENTITY,
)
SUMMARY = Table(
    "summary",
    {
        **_texts("dataset", "model", "clustering", "split", "metric"),
        "n_ok": WHOLE,
        "n_failed": WHOLE,
        **_reals("mean", "sd", "low", "high"),
        "saw_labels": TRUTH,
        "tuned_here": TRUTH,
    },
)
STATUS = Table(
    "status",
    {
        **_texts("dataset", "model", "kind"),
        "saw_labels": TRUTH,
        "device": TEXT,
        "seed": SEED,
        **GAP,
        **_reals("seconds", "peak_memory_mb"),
        "epochs": SEED,
    },
    ("dataset", "model", "seed"),
)
HISTORY = Table(
    "history",
    {
        **_texts("dataset", "model"),
        "replica": WHOLE,
        "epoch": WHOLE,
        **_texts("term", "split"),
        "value": REAL,
    },
    ("dataset", "model", "replica", "term", "split", "epoch"),
)
CHOICES = Table(
    "choices",
    {
        **_texts("dataset", "level", "model", "criterion"),
        "n_candidates": WHOLE,
        "picked": TEXT,
        **_reals("value", "ari", "mean_ari", "best_ari", "gain", "share"),
        "in_force": TRUTH,
    },
)
RELIABILITY = Table(
    "reliability",
    {
        **_texts("dataset", "model"),
        "seed": WHOLE,
        "split": TEXT,
        "bin": WHOLE,
        "n_obs": WHOLE,
        **_reals("confidence", "accuracy"),
    },
    ("dataset", "model", "seed", "split", "bin"),
)
QUALITY_OF_VARIANT = Table(
    "quality of a variant",
    {"seed": WHOLE, **_texts("split", "measure", "part"), "value": REAL, **GAP},
)
QUALITY = Table(
    "quality",
    {
        **_texts("dataset", "model"),
        "seed": WHOLE,
        **_texts("split", "measure", "part"),
        "value": REAL,
        **GAP,
    },
    ("dataset", "model", "seed", "split", "measure", "part"),
)
RANKS = Table(
    "ranks",
    {
        **_texts("scope", "model"),
        **_reals("mean_rank", "rank_low", "rank_high"),
        "n_datasets": WHOLE,
        **_texts("cliques", "note"),
    },
)
TESTS = Table(
    "tests",
    {
        **_texts("scope", "test"),
        **_reals("statistic", "df", "df_residual", "p_value"),
        "method": TEXT,
        "n_datasets": WHOLE,
        "n_models": WHOLE,
        "critical_difference": REAL,
        **GAP,
    },
)
CRITERIA = Table(
    "criteria",
    {
        **_texts("level", "criterion"),
        "n_datasets": WHOLE,
        "n_choices": WHOLE,
        **_reals("ari", "mean_ari", "best_ari", "gain", "low", "high", "share"),
        "in_force": TRUTH,
    },
)
CORRELATIONS = Table(
    "correlations",
    {
        **_texts("scope", "criterion"),
        **_reals("rho", "low", "high"),
        **dict.fromkeys(("n_datasets", "n_models", "n_replicas", "n_left_out"), WHOLE),
        **GAP,
        "note": TEXT,
    },
)
MAPS = Table(
    "maps",
    {
        **_texts("cell", "model"),
        "seed": WHOLE,
        **_reals("x", "y"),
        **_texts("label", "cluster", "batch", "condition", "split", "layout"),
    },
)
PREDICTIONS = Table(
    "predictions",
    {
        **_texts("dataset", "model", "hidden"),
        "seed": SEED,
        **_texts("cell_type", "metric"),
        "value": REAL,
        **GAP,
        "saw_labels": TRUTH,
    },
    ("dataset", "model", "hidden", "seed", "cell_type", "metric"),
)
MEANS = Table(
    "means",
    {
        **_texts("dataset", "model", "hidden"),
        "seed": SEED,
        "cell_type": TEXT,
        "n_stimulated": WHOLE,
        "gene": TEXT,
        **_reals("control", "stimulated", "predicted"),
    },
)
PRINCIPAL_COMPONENTS = Table(
    "principal components",
    {
        **_texts("measure", "model"),
        "seed": SEED,
        "split": TEXT,
        "component": WHOLE,
        "value": REAL,
    },
)
"""measure: variance_share (of the split), angle_decoder, angle_encoder (degrees, the largest
first); component: 1, 2 ..."""

HELD_OUT, HALVES = "held out", "halves"
"""What groups are told apart by: counts that no model saw, or both halves of all counts."""
ANSWER_SUMMARY = Table(
    "answer_summary",
    {
        "dataset": TEXT,
        **dict.fromkeys(("n_cells", "n_groups", "n_found", "n_low", "n_high"), SEED),
        "n_declared": SEED,
        **_reals("certain_share", "agreement", "null_agreement", "structure", "structure_alike"),
        "tested_on": TEXT,
        "n_agreed": SEED,
        "chosen": TEXT,
        "chance": REAL,
        **GAP,
    },
    ("dataset",),
)
"""A row a data set. ``n_groups`` are shown, ``n_found`` were found (another number where one was
declared), in ``n_low`` to ``n_high``; ``certain_share``: of the cells, those with a certainty of .9
or more; ``agreement``: of members and groups (ARI), ``null_agreement``: where there is one group,
``structure`` and ``structure_alike``: what it is more than that (``answer.cut``, of all members and
of those as fine as the groups; at most 1);
``tested_on``: what groups are told apart by (held out, counts that no model has seen; halves, both
of all counts; or empty);
``n_agreed``: groups that most variants find; ``chosen``: the variant, with its ``chance``."""
ANSWER_GROUPS = Table(
    "answer_groups",
    {
        "dataset": TEXT,
        "group": WHOLE,
        "cells": WHOLE,
        **_reals("share", "certainty", "support_cells", "support_seeds", "support_variants"),
        "nearest": SEED,
        **_reals("together", "separability", "p_value"),
        "told_apart": TEXT,
        "markers": TEXT,
    },
    ("dataset", "group"),
)
"""A row a group, numbered from 0 by falling size. ``nearest``: the group that members put together
with it most (share ``together``); ``separability``: the AUC by which one half of the counts tells
the two apart as the other half says (``answer.reality``), with its p-value; ``told_apart``: yes,
no, or empty where it was not asked; ``markers``: the first genes, separated by commas."""
ANSWER_MODELS = Table(
    "answer_models",
    {
        **_texts("dataset", "model"),
        **_reals("agreement", "stability", "predictive", "score", "chance"),
        "chosen": TRUTH,
    },
    ("dataset", "model"),
)
ANSWER_TREE = Table(
    "answer_tree",
    {
        "dataset": TEXT,
        "leaf": WHOLE,
        "parent": WHOLE,
        **_reals("height", "support"),
        "group": WHOLE,
        "cells": WHOLE,
    },
    ("dataset", "leaf"),
)
"""A row a leaf of the consensus tree: it breaks off ``parent`` (-1: the root) at ``height``, a
split found again in the share ``support`` of resamples."""
ANSWER_AGREEMENT = Table(
    "answer_agreement",
    {**_texts("dataset", "model", "other"), "ari": REAL},
    ("dataset", "model", "other"),
)
ANSWER_NUMBERS = Table(
    "answer_numbers",
    {"dataset": TEXT, "n_groups": WHOLE, "agreement": REAL},
    ("dataset", "n_groups"),
)
"""How far members agree with the cut into so many groups."""
ANSWER_TABLES = {
    "summary": ANSWER_SUMMARY,
    "groups": ANSWER_GROUPS,
    "models": ANSWER_MODELS,
    "tree": ANSWER_TREE,
    "agreement": ANSWER_AGREEMENT,
    "numbers": ANSWER_NUMBERS,
}
ANSWER_MARKERS = Table(
    "answer_markers",
    {
        "group": WHOLE,
        "gene": TEXT,
        "rank": WHOLE,
        **_reals("score", "log2_fold_change", "p", "p_adjusted", "share", "share_of_rest"),
    },
)
ANSWER_CELLS = Table(
    "answer_cells",
    {"cell": TEXT, "group": WHOLE, "certainty": REAL, "runner_up": WHOLE},
)
ANSWER_EVIDENCE = Table(
    "answer_evidence",
    {
        "rule": TEXT,
        "ours": TRUTH,
        "n_datasets": WHOLE,
        **_reals("ari", "low", "high"),
        "n_near": SEED,
    },
)
"""A row a way to find groups without a number, on labelled data sets that chose none of it: mean
ARI with its interval, and on how many data sets (``n_near``) the number of groups is within a
factor of 1.5 of the labels'."""
