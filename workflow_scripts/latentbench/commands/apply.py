"""python -m latentbench.commands.apply results new.h5ad: new cells among the groups of a study.

Writes ``<new>_annotated.h5ad`` beside the new file: group, certainty and whether a cell lies
outside of everything that the model has seen. Ends with 0, or with 2 and a sentence where that
cannot be."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import anndata
import numpy as np
import pandas as pd
from anndata import AnnData
from scipy import sparse

from latentbench.answer.placing import OUTSIDE, place
from latentbench.evaluation.annotated_answer import CERTAINTY, CLUSTER, add_column
from latentbench.evaluation.annotation import obsm_of
from latentbench.evaluation.new_cells import Trained, as_prepared, encode
from latentbench.files.artefacts import write_h5ad
from latentbench.files.prepared import PreparedFile
from latentbench.files.tables import ANSWER_CELLS, ANSWER_SUMMARY
from latentbench.outcomes import Outcome
from latentbench.study.own_data import look_at
from latentbench.study.spelling import nearest


def main(arguments: Sequence[str] | None = None) -> int:
    """Place the cells, write them, say what was found, and return the exit status."""
    parser = argparse.ArgumentParser(prog="latentbench.commands.apply", description=__doc__)
    parser.add_argument("study", help="the results folder of a study")
    parser.add_argument("data", help="an h5ad file of counts")
    parser.add_argument("--dataset", help="which data set of the study, where it has several")
    parser.add_argument("--output", help="where to write (default: beside data)")
    asked = parser.parse_args(arguments)
    path = Path(asked.data)
    output = Path(asked.output or path.with_name(f"{path.stem}_annotated.h5ad"))
    try:
        cells, sentence = apply(Path(asked.study), path, dataset=asked.dataset)
    except ValueError as mistake:
        sys.stderr.write(f"{mistake}\n")
        return 2
    write_h5ad(cells, output)
    sys.stdout.write(f"{sentence}\nWritten: {output}\n")
    return 0


def apply(study: Path, path: Path, *, dataset: str | None = None) -> tuple[AnnData, str]:
    """Return the new cells with their groups, and what was found in a sentence.

    Raises:
        ValueError: there is no such study or data set, it has no answer, the new file holds no
            counts, or its cells cannot be encoded.
    """
    name = _dataset(study, dataset)
    answers, prepared = study / "answers" / name, PreparedFile(study / f"data/{name}/prepared.h5ad")
    summary = ANSWER_SUMMARY.read(answers / "summary.tsv").iloc[0]
    if summary["status"] != Outcome.OK:
        raise ValueError(f"{study}: {name} has no answer to apply: {summary['reason']}")
    if prepared.is_on_disk or prepared.counts() is None:
        raise ValueError(
            f"{study}: {name} is no data set of counts in memory, and only to such ones new cells"
            " can be compared"
        )
    known = ANSWER_CELLS.read(answers / "cells.parquet")
    new, counts, genes = _read_counts(path)
    brought = as_prepared(counts, genes, prepared)
    trained = Trained(prepared, study / f"models/{name}/{summary['chosen']}")
    codes = encode(brought, trained)
    placed = place(
        codes.astype(np.float64),
        trained.codes.astype(np.float64),
        known["group"].to_numpy(np.int64),
        known["certainty"].to_numpy(np.float64),
    )
    names = [str(group) for group in range(int(summary["n_groups"]))]
    add_column(new, CLUSTER, pd.Categorical.from_codes(placed.groups, names))
    add_column(new, CERTAINTY, placed.certainty)
    add_column(new, "latentbench_outside", placed.is_outside)
    new.obsm[obsm_of(str(summary["chosen"]))] = codes
    new.uns["latentbench"] = {
        "dataset": name,
        "model": str(summary["chosen"]),
        "genes_missing": brought.n_missing,
        "outside": int(placed.is_outside.sum()),
    }
    n_outside, n_genes = int(placed.is_outside.sum()), int(prepared.is_modelled.sum())
    n_reached = len(np.unique(placed.groups[~placed.is_outside]))
    return new, (
        f"{new.n_obs} cells by {summary['chosen']}: {new.n_obs - n_outside} in {n_reached} of the"
        f" {len(names)} groups of {name}, {n_outside} outside of everything that the model has seen"
        f" ({OUTSIDE:.0%} of cells like its own would be); {brought.n_missing} of {n_genes} genes"
        " missing."
    )


def _dataset(study: Path, dataset: str | None) -> str:
    there = sorted(path.parent.name for path in study.glob("answers/*/summary.tsv"))
    if not there:
        raise ValueError(f"{study}: no answer of a study lies here; name its results folder")
    if dataset is None and len(there) > 1:
        raise ValueError(f"{study}: several data sets; --dataset names one: {', '.join(there)}")
    if dataset is not None and dataset not in there:
        raise ValueError(
            f"{study}: no data set '{dataset}'{nearest(dataset, there)}; there are:"
            f" {', '.join(there)}"
        )
    return dataset or there[0]


def _read_counts(path: Path) -> tuple[AnnData, sparse.csr_matrix, pd.Index]:
    if not path.is_file():
        raise ValueError(f"{path}: no such file")
    found = look_at(path)
    if found.get("modality") != "counts":
        raise ValueError(
            f"{path}: no counts (whole numbers from 0) in X, raw or a layer; give an h5ad with them"
        )
    cells = anndata.read_h5ad(path)
    layer = found["layer"]
    if layer == "raw":
        values, genes = cells.raw.X, cells.raw.var_names
    else:
        values, genes = cells.X if layer == "X" else cells.layers[layer], cells.var_names
    counts = sparse.csr_matrix(values)
    wrong = (counts.data < 0) | (counts.data != np.rint(counts.data))
    if wrong.any():
        raise ValueError(
            f"{path}: {layer} holds {counts.data[wrong][0]}, which is no count; give raw counts"
        )
    return cells, counts, genes


if __name__ == "__main__":
    sys.exit(main())
