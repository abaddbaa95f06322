"""10x Genomics output: feature-barcode .h5 of both generations, and the three-file mtx folder,
loose or in a zip or tar archive.
"""

import gzip
import io
import re
import tarfile
import zipfile
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path, PurePosixPath
from typing import IO

import h5py
import numpy as np
import pandas as pd
from anndata import AnnData
from anndata.utils import make_index_unique
from scipy import io as scipy_io
from scipy import sparse

from latentbench.logs import logger

ARCHIVE_SUFFIXES = (".zip", ".tar.gz", ".tgz", ".tar")
GENE_EXPRESSION = "gene expression"
FEATURE_TYPES = (
    *(GENE_EXPRESSION, "antibody capture", "antigen capture", "crispr guide capture"),
    *("multiplexing capture", "custom", "peaks", "vdj", "vdj-t", "vdj-b"),
)
"""What Cell Ranger calls features, in lower case."""
FILTERED = ("filtered_feature_bc_matrix", "filtered_gene_bc_matrices", "filtered")
"""Folders of the matrix that people mean where there is a raw one beside it."""


def read_10x_h5(path: Path) -> AnnData:
    """Return a 10x feature-barcode matrix: group ``matrix`` (version 3) or the one group named
    after the genome (version 2).
    """
    with h5py.File(path) as file:
        groups = [
            name for name, item in file.items() if isinstance(item, h5py.Group) and "indptr" in item
        ]
        if len(groups) != 1:
            raise ValueError(
                f"{path}: an .h5 of 10x has one matrix group, this has {groups or 'none'} (top"
                f" level: {', '.join(file)}); convert it to .h5ad"
            )
        group = file[groups[0]]
        matrix = sparse.csc_matrix(
            (group["data"][()], group["indices"][()], group["indptr"][()]), shape=group["shape"][()]
        )
        features = group.get("features")
        ids, symbols = (
            (features["id"], features["name"])
            if features is not None
            else (group["genes"], group["gene_names"])
        )
        var = pd.DataFrame({"gene_ids": _text(ids)}, index=_text(symbols))
        if features is not None and "feature_type" in features:
            var["feature_types"] = _text(features["feature_type"])
        return _gene_expression(matrix.T, _text(group["barcodes"]), var, path)


def read_10x_mtx(path: Path) -> AnnData:
    """Return the matrix in a folder, or in a zip or tar archive, that holds matrix.mtx,
    barcodes.tsv and features.tsv or genes.tsv (.gz or not).

    Archives are read member by member in memory and never unpacked, so no path in them can point
    anywhere."""
    with ExitStack() as stack:
        members = _members(path, stack)
        start = _only_matrix(members, path)
        names = {name.removesuffix(".gz"): name for name in members}

        def table(*stems: str) -> pd.DataFrame:
            stem = next((stem for stem in stems if start + stem in names), None)
            if stem is None:
                raise ValueError(f"{path}: no {' or '.join(stems)} beside {start}matrix.mtx")
            content = _opened(members, names[start + stem])
            if not content.getbuffer().nbytes:
                raise ValueError(f"{path}: {stem} is empty")
            return pd.read_csv(content, sep="\t", header=None, dtype=str, keep_default_na=False)

        matrix = sparse.csr_matrix(
            scipy_io.mmread(_opened(members, names[f"{start}matrix.mtx"]), spmatrix=True)
        )
        features = _without_header(table("features.tsv", "genes.tsv"), matrix.shape[0])
        barcodes = _without_header(table("barcodes.tsv"), matrix.shape[1])
    var = pd.DataFrame(
        {"gene_ids": features[0].to_numpy()},
        index=features[1 if features.shape[1] > 1 else 0].to_numpy(),
    )
    if features.shape[1] > 2:
        var["feature_types"] = features[2].to_numpy()
    if matrix.shape != (len(var), len(barcodes)):
        raise ValueError(
            f"{path}: matrix.mtx is {matrix.shape} but there are {len(var)} features and"
            f" {len(barcodes)} barcodes"
        )
    return _gene_expression(matrix.T, barcodes[0].to_numpy(), var, path)


def _gene_expression(matrix, barcodes: np.ndarray, var: pd.DataFrame, path: Path) -> AnnData:
    kinds = var.get("feature_types")
    if kinds is not None:
        kinds = kinds.str.strip().str.lower()
        if not kinds.isin(FEATURE_TYPES).any():
            # Other tools write the biotype of a gene there.
            var, kinds = var.rename(columns={"feature_types": "biotype"}), None
    if kinds is not None:
        kept = (kinds == GENE_EXPRESSION).to_numpy()
        if not kept.any():
            there = ", ".join(
                f"{kind} ({n})" for kind, n in var["feature_types"].value_counts().items()
            )
            raise ValueError(
                f"{path}: no feature is gene expression; the feature types are: {there}. Counts of"
                " genes are what is read: give the matrix of those"
            )
        if not kept.all():
            logger.info(
                "%s: %d of %d features are not gene expression and are left out",
                path,
                (~kept).sum(),
                kept.size,
            )
        matrix, var = sparse.csr_matrix(matrix)[:, np.flatnonzero(kept)], var[kept].copy()
    if var.index.has_duplicates:
        # Two genes may share a symbol; their ids, which they do not share, stay in var['gene_ids'].
        logger.info(
            "%s: %d gene symbols occur again; they get -1, -2 ... appended",
            path,
            var.index.duplicated().sum(),
        )
        var.index = make_index_unique(var.index)
    return AnnData(sparse.csr_matrix(matrix), obs=pd.DataFrame(index=barcodes), var=var)


def _members(path: Path, stack: ExitStack) -> dict[str, Callable[[], IO[bytes]]]:
    if path.is_dir():
        return {
            file.relative_to(path).as_posix(): lambda file=file: stack.enter_context(
                open(file, "rb")
            )
            for file in sorted(path.rglob("*"))
            if file.is_file()
        }
    if path.suffix == ".zip":
        opened = stack.enter_context(zipfile.ZipFile(path))
        return {
            info.filename: lambda info=info: opened.open(info)
            for info in opened.infolist()
            if not info.is_dir()
        }
    archive = stack.enter_context(tarfile.TarFile.open(path))
    return {
        info.name: lambda info=info: archive.extractfile(info)
        for info in archive.getmembers()
        if info.isfile()
    }


def _only_matrix(members: dict, path: Path) -> str:
    """Return what stands before ``matrix.mtx`` in the name of the one matrix: its folder, and a
    prefix of its files (as GEO has them). Of several, the one in a folder that is called filtered
    is meant.
    """
    found = {
        re.sub(r"matrix\.mtx(\.gz)?$", "", name)
        for name in members
        if re.search(r"(^|/|[_.-])matrix\.mtx(\.gz)?$", name)
    }
    if len(found) > 1:
        filtered = {start for start in found if PurePosixPath(start).name in FILTERED}
        found = filtered if len(filtered) == 1 else found
    if len(found) != 1:
        there = ", ".join(f"{start}matrix.mtx" for start in sorted(found))
        others = sorted(name for name in members if re.search(r"\.mtx(\.gz)?$", name))
        beside = f"; of other names there are: {', '.join(others[:5])}" if others else ""
        raise ValueError(
            f"{path}: exactly one matrix.mtx(.gz) is read, found {len(found)}"
            f" ({there or 'none'}){beside}; give the folder of one matrix, with barcodes.tsv and"
            " features.tsv or genes.tsv beside it, or the cells and genes as .h5ad"
        )
    return found.pop()


def _without_header(table: pd.DataFrame, n_lines: int) -> pd.DataFrame:
    """Return a table of names without the line of headings that some tools write."""
    return table.iloc[1:].reset_index(drop=True) if len(table) == n_lines + 1 else table


def _opened(members: dict[str, Callable[[], IO[bytes]]], name: str) -> io.BytesIO:
    content = members[name]().read()
    return io.BytesIO(gzip.decompress(content) if content[:2] == b"\x1f\x8b" else content)


def _text(dataset: h5py.Dataset) -> np.ndarray:
    return (
        dataset.asstr()[()] if h5py.check_string_dtype(dataset.dtype) else dataset[()].astype(str)
    )
