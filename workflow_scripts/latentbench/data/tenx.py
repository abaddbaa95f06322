"""10x Genomics output: feature-barcode .h5 of both generations, and the three-file mtx folder,
loose or in a zip or tar archive.
"""

import gzip
import io
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
        folder = _only_matrix_folder(members, path)
        names = {
            name.removesuffix(".gz"): name
            for name in members
            if PurePosixPath(name).parent == folder
        }

        def table(*stems: str) -> pd.DataFrame:
            stem = next((stem for stem in stems if str(folder / stem) in names), None)
            if stem is None:
                raise ValueError(f"{path}: no {' or '.join(stems)} beside matrix.mtx")
            content = _opened(members, names[str(folder / stem)])
            if not content.getbuffer().nbytes:
                raise ValueError(f"{path}: {stem} is empty")
            return pd.read_csv(content, sep="\t", header=None, dtype=str, keep_default_na=False)

        matrix = sparse.csr_matrix(
            scipy_io.mmread(_opened(members, names[str(folder / "matrix.mtx")]), spmatrix=True)
        )
        features, barcodes = table("features.tsv", "genes.tsv"), table("barcodes.tsv")
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
    if var.index.has_duplicates:
        # Two genes may share a symbol; their ids, which they do not share, stay in var['gene_ids'].
        logger.info(
            "%s: %d gene symbols occur again; they get -1, -2 ... appended",
            path,
            var.index.duplicated().sum(),
        )
        var.index = make_index_unique(var.index)
    found = AnnData(sparse.csr_matrix(matrix), obs=pd.DataFrame(index=barcodes), var=var)
    kinds = var.get("feature_types")
    if kinds is None or (kinds == "Gene Expression").all():
        return found
    kept = (kinds == "Gene Expression").to_numpy()
    logger.info(
        "%s: %d of %d features are not gene expression and are left out",
        path,
        (~kept).sum(),
        kept.size,
    )
    return found[:, kept].copy()


def _members(path: Path, stack: ExitStack) -> dict[str, Callable[[], IO[bytes]]]:
    if path.is_dir():
        return {
            file.relative_to(path).as_posix(): lambda file=file: stack.enter_context(
                open(file, "rb")
            )
            for file in sorted(path.iterdir())
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


def _only_matrix_folder(members: dict, path: Path) -> PurePosixPath:
    folders = sorted(
        {
            PurePosixPath(name).parent
            for name in members
            if PurePosixPath(name).name in ("matrix.mtx", "matrix.mtx.gz")
        }
    )
    if len(folders) != 1:
        where = ", ".join(map(str, folders)) or "none"
        raise ValueError(
            f"{path}: exactly one matrix.mtx(.gz) is read, found {len(folders)} ({where}); give the"
            " folder of one matrix"
        )
    return folders[0]


def _opened(members: dict[str, Callable[[], IO[bytes]]], name: str) -> io.BytesIO:
    content = members[name]().read()
    return io.BytesIO(gzip.decompress(content) if content[:2] == b"\x1f\x8b" else content)


def _text(dataset: h5py.Dataset) -> np.ndarray:
    return (
        dataset.asstr()[()] if h5py.check_string_dtype(dataset.dtype) else dataset[()].astype(str)
    )
