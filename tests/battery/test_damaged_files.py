"""Files that are cut off, corrupted, empty or of another kind than their suffix says."""

import gzip
import io
import pickle
import tarfile
import zipfile

import h5py
import numpy as np
import pytest
from anndata.io import write_elem
from scipy import io as scipy_io

TABLE = {"sources": "mine.csv", "orientation": "cells_by_genes"}
IMAGES = {"modality": "images", "preset": "images_unit"}


def text(content: str, name: str = "mine.csv", **cells):
    def make(place):
        (place.folder / name).write_bytes(
            content if isinstance(content, bytes) else content.encode()
        )
        return {**TABLE, "sources": name, **cells}

    return make


def cut_off(place):
    place.write()
    content = (place.folder / "mine.h5ad").read_bytes()
    (place.folder / "mine.h5ad").write_bytes(content[: len(content) // 2])


def corrupted(place):
    place.write(np.random.default_rng(1).poisson(3.0, (400, 300)))
    content = bytearray((place.folder / "mine.h5ad").read_bytes())
    with h5py.File(place.folder / "mine.h5ad") as file:
        start = file["X"].id.get_chunk_info(0).byte_offset
    content[start + 100 : start + 164] = bytes(64)
    (place.folder / "mine.h5ad").write_bytes(content)


def foreign_hdf5(place):
    with h5py.File(place.folder / "mine.h5ad", "w") as file:
        file["somewhere"] = [1, 2, 3]


def no_values(place):
    cells = place.cells()
    cells.X = None
    cells.write_h5ad(place.folder / "mine.h5ad")


def text_values(place):
    place.write()
    with h5py.File(place.folder / "mine.h5ad", "r+") as file:
        del file["X"]
        write_elem(file, "X", np.array([["a", "b"]] * 40, dtype=object))


def broken_csr(part: str, value: int, at: int = 5):
    def make(place):
        place.write(place.csr())
        with h5py.File(place.folder / "mine.h5ad", "r+") as file:
            file["X"][part][at] = value

    return make


def shorter_csr(place):
    place.write(place.csr())
    with h5py.File(place.folder / "mine.h5ad", "r+") as file:
        data = file["X/data"][:-10]
        del file["X/data"]
        file["X/data"] = data


def other_shape(place):
    place.write(place.csr())
    with h5py.File(place.folder / "mine.h5ad", "r+") as file:
        file["X"].attrs["shape"] = np.array([40, 12])


def fewer_cells(place):
    place.write()
    with h5py.File(place.folder / "mine.h5ad", "r+") as file:
        x = file["X"][:-5]
        del file["X"]
        write_elem(file, "X", x)


def mtx(**changes: bytes | None):
    def make(place):
        folder = place.folder / "mine"
        folder.mkdir()
        buffer = io.BytesIO()
        scipy_io.mmwrite(buffer, place.csr().T)
        genes, cells = (
            "".join(f"{prefix}{i}\tn{i}\n" for i in range(n)).encode()
            for prefix, n in (("g", 30), ("c", 40))
        )
        content = {"matrix.mtx": buffer.getvalue(), "genes.tsv": genes, "barcodes.tsv": cells}
        for name, value in (
            content | {key.replace("_", "."): value for key, value in changes.items()}
        ).items():
            if value is not None:
                (folder / name).write_bytes(value)
        return {"sources": "mine"}

    return make


def archive(*members: str):
    def make(place):
        with zipfile.ZipFile(place.folder / "mine.zip", "w") as file:
            for member in members:
                file.writestr(
                    member, "%%MatrixMarket matrix coordinate integer general\n1 1 1\n1 1 1\n"
                )
        return {"sources": "mine.zip"}

    return make


def linked_archive(place):
    """A tar whose members are links to files outside it."""
    with tarfile.open(place.folder / "mine.tar", "w") as file:
        for name in ("matrix.mtx", "genes.tsv", "barcodes.tsv"):
            member = tarfile.TarInfo(name)
            member.type, member.linkname = tarfile.SYMTYPE, "/etc/passwd"
            file.addfile(member)
    return {"sources": "mine.tar"}


def cut_off_archive(place):
    mtx()(place)
    with tarfile.open(place.folder / "mine.tar.gz", "w:gz") as file:
        file.add(place.folder / "mine", arcname="mine")
    content = (place.folder / "mine.tar.gz").read_bytes()
    (place.folder / "mine.tar.gz").write_bytes(content[: len(content) // 2])
    return {"sources": "mine.tar.gz"}


def hdf5(name: str, **datasets):
    def make(place):
        with h5py.File(place.folder / name, "w") as file:
            for key, value in datasets.items():
                file[key.replace("__", "/")] = value
        return {"sources": name}

    return make


def npz(**arrays):
    def make(place):
        np.savez(place.folder / "mine.npz", **arrays)
        return {"sources": "mine.npz", **IMAGES}

    return make


def idx(**changes: bytes | None):
    def make(place):
        (place.folder / "mine").mkdir()
        for part, n in (("train", 20), ("t10k", 8)):
            images = bytes([0, 0, 8, 3, 0, 0, 0, n, 0, 0, 0, 2, 0, 0, 0, 3]) + bytes(range(6)) * n
            labels = bytes([0, 0, 8, 1, 0, 0, 0, n]) + bytes([0, 1] * (n // 2))
            for name, content in (
                (f"{part}-images-idx3-ubyte", images),
                (f"{part}-labels-idx1-ubyte", labels),
            ):
                content = changes.get(name.split("-idx")[0].replace("-", "_"), content)
                if content is not None:
                    (place.folder / "mine" / name).write_bytes(content)
        return {"sources": "mine", **IMAGES}

    return make


def zarr_without_values(place):
    (place.folder / "mine.zarr").mkdir()
    (place.folder / "mine.zarr/zarr.json").write_text(
        '{"zarr_format": 3, "node_type": "group", "attributes": {}}'
    )
    return {"sources": "mine.zarr"}


def wrong_checksum(place):
    place.write()
    return {"sha256": "0" * 64}


NOT_HDF5 = "mine.h5ad: .*(not an HDF5 file|truncated|signature|cut off)"
DAMAGED = {
    "an empty h5ad": (text("", "mine.h5ad", orientation=""), NOT_HDF5),
    "a text file called h5ad": (text("cell,gene\n", "mine.h5ad", orientation=""), NOT_HDF5),
    "a web page called h5ad": (text("<html>sign in</html>", "mine.h5ad", orientation=""), NOT_HDF5),
    "an h5ad that is cut off": (cut_off, "mine.h5ad: .*(truncated|cut off)"),
    "an h5ad with 64 overwritten bytes": (corrupted, "mine.h5ad: .*(damaged|inflate|filter)"),
    "an HDF5 file that is no h5ad": (foreign_hdf5, "mine.h5ad: .*not an h5ad file"),
    "an h5ad without values": (no_values, "mine.h5ad: there are no values"),
    "an h5ad whose values are text": (text_values, "mine.h5ad: "),
    "a column number beyond the genes": (broken_csr("indices", 99), "mine.h5ad: .*damaged"),
    "a negative column number": (broken_csr("indices", -1), "mine.h5ad: .*damaged"),
    "row ends that go back": (broken_csr("indptr", 3, at=20), "mine.h5ad: .*damaged"),
    "a row end beyond the values": (broken_csr("indptr", 10**6, at=-1), "mine.h5ad: .*damaged"),
    "fewer values than columns": (shorter_csr, "mine.h5ad: .*damaged"),
    "a shape that its columns do not fit": (other_shape, "mine.h5ad: "),
    "fewer rows of values than cells": (fewer_cells, "mine.h5ad: "),
    "an empty table": (text(""), "mine.csv: .*(No columns|empty)"),
    "a table with a header alone": (text("cell,g0,g1\n"), "mine.csv: no values"),
    "a table with another separator": (text("cell;g0;g1\nc0;1;2\n"), "mine.csv: no values"),
    "a table with a longer line": (text("cell,g0,g1\nc0,1,2\nc1,1,2,3,4\n"), "mine.csv: .*line 3"),
    "a table with a gap": (
        text("cell,g0,g1\nc0,1,\nc1,1,2\nc2,1,2\n"),
        "mine.csv: non-finite values.*cell c0, variable g1",
    ),
    "a table with a word among its numbers": (
        text("cell,g0,g1\nc0,1,2\nc1,1,2\nc2,1,many\n"),
        "mine.csv: .*g1.*many",
    ),
    "a table of genes with a word": (
        text("gene,c0,c1\ng0,1,2\ng1,1,2\ng2,1,many\n", orientation="genes_by_cells"),
        "mine.csv: .*many",
    ),
    "a table that is not utf-8": (
        text("cell,g0,g1\ncaf\xe9,1,2\n".encode("latin-1")),
        "mine.csv: .*UTF-8",
    ),
    "a table in another alphabet's bytes": (
        text("cell,g0\nc0,1\n".encode("utf-16")),
        "mine.csv: .*UTF-8",
    ),
    "a table with a gene twice": (text("cell,g0,g0\nc0,1,2\nc1,1,2\n"), "mine.csv: .*g0"),
    "a table with a cell twice": (
        text("cell,g0,g1\nc0,1,2\nc0,1,2\n"),
        r"duplicated cell names .*c0",
    ),
    "a table called gz that is not": (
        text("cell,g0\nc0,1\n", "mine.csv.gz"),
        "mine.csv.gz: .*(gzip|gzipped)",
    ),
    "a gz that is cut off": (
        text(gzip.compress(b"cell,g0\n" + b"c,1\n" * 5000)[:-20], "mine.csv.gz"),
        "mine.csv.gz: .*(ended before|cut off)",
    ),
    "an mtx folder without barcodes": (mtx(barcodes_tsv=None), "mine: no barcodes.tsv"),
    "an mtx folder without genes": (mtx(genes_tsv=None), "mine: no features.tsv or genes.tsv"),
    "an mtx with fewer barcodes": (mtx(barcodes_tsv=b"c0\nc1\n"), "mine: matrix.mtx is"),
    "an mtx that is no matrix": (mtx(matrix_mtx=b"hello\n"), "mine: .*"),
    "an empty mtx": (mtx(matrix_mtx=b""), "mine: .*"),
    "an mtx that breaks off": (
        mtx(matrix_mtx=b"%%MatrixMarket matrix coordinate integer general\n30 40 5\n1 1 1\n"),
        "mine: .*",
    ),
    "an mtx with a place outside": (
        mtx(matrix_mtx=b"%%MatrixMarket matrix coordinate integer general\n30 40 1\n31 1 1\n"),
        "mine: .*",
    ),
    "an empty list of genes": (mtx(genes_tsv=b""), "mine: .*genes.tsv"),
    "a zip with two matrices": (
        archive("a/matrix.mtx", "b/matrix.mtx"),
        "mine.zip: exactly one matrix.mtx",
    ),
    "a zip whose member climbs out": (
        archive("../../outside/matrix.mtx"),
        "mine.zip: no features.tsv",
    ),
    "a zip without a matrix": (archive("readme.txt"), "mine.zip: exactly one matrix.mtx.* found 0"),
    "a zip that is none": (text("PK", "mine.zip", orientation=""), "mine.zip: .*zip"),
    "a tar of links to files outside": (linked_archive, "mine.tar: exactly one matrix.mtx"),
    "a tar that is cut off": (
        cut_off_archive,
        "mine.tar.gz: .*(ended before|unexpected end|cut off)",
    ),
    "an h5 that is not of 10x": (
        hdf5("mine.h5", nothing=[1]),
        "mine.h5: an .h5 of 10x has one matrix group",
    ),
    "a 10x h5 without barcodes": (
        hdf5("mine.h5", matrix__indptr=[0, 1]),
        "mine.h5: .*(data|barcodes|not there)",
    ),
    "a loom without a matrix": (
        hdf5("mine.loom", row_attrs__Gene=["g"]),
        "mine.loom: no dataset 'matrix'",
    ),
    "a loom without names": (
        hdf5("mine.loom", matrix=np.ones((2, 2)), row_attrs__a=[1, 2], col_attrs__b=[1, 2]),
        "mine.loom: /row_attrs has none of",
    ),
    "a loom without attributes": (
        hdf5("mine.loom", matrix=np.ones((2, 2))),
        "mine.loom: .*row_attrs",
    ),
    "an npz of objects": (npz(X=np.array([{"a": 1}], dtype=object)), "mine.npz: .*pickle"),
    "an npz without X": (npz(y=np.ones(3)), "mine.npz: holds y; name the values X"),
    "an npz of one axis": (npz(X=np.ones(12)), "mine.npz: .*"),
    "an npz of four axes": (npz(X=np.ones((3, 2, 2, 3))), "mine.npz: .*"),
    "an npz with unequal labels": (
        npz(
            x_train=np.ones((4, 2, 2)),
            y_train=np.ones(3),
            x_test=np.ones((4, 2, 2)),
            y_test=np.ones(4),
        ),
        "mine.npz: .*",
    ),
    "an npz with unequal names": (
        npz(X=np.ones((4, 2)), obs_names=np.array(["a"])),
        "mine.npz: .*",
    ),
    "an npz that is none": (text("no", "mine.npz", orientation="", **IMAGES), "mine.npz: .*"),
    "a folder of images without labels": (idx(t10k_labels=None), "mine: no t10k-labels"),
    "an image file of another kind": (
        idx(train_images=b"\x89PNG"),
        "train-images-idx3-ubyte: not an IDX file",
    ),
    "an image file that is cut off": (
        idx(train_images=bytes([0, 0, 8, 3, 0, 0, 0, 20, 0, 0, 0, 2, 0, 0, 0, 3, 7])),
        "it is cut off or damaged",
    ),
    "an image file with a cut off header": (
        idx(train_images=bytes([0, 0, 8, 3, 0])),
        "it is cut off or damaged",
    ),
    "more images than labels": (
        idx(train_labels=bytes([0, 0, 8, 1, 0, 0, 0, 1, 1])),
        "the files are not of one set",
    ),
    "a pickle": (
        text(pickle.dumps([1, 2]), "mine.pkl", orientation=""),
        "mine.pkl: this suffix is not read",
    ),
    "an R file": (text("RDX3", "mine.rds", orientation=""), "mine.rds: this suffix is not read"),
    "a file that is not there": (
        lambda place: {"sources": "mine.loom"},
        "mine.loom: does not exist",
    ),
    "an empty folder": (
        lambda place: (place.folder / "mine").mkdir() or {"sources": "mine"},
        r"mine: exactly one matrix.mtx\(.gz\) is read, found 0",
    ),
    "a folder called h5ad": (
        lambda place: (place.folder / "mine.h5ad").mkdir(),
        "mine.h5ad: .*(directory|folder)",
    ),
    "a zarr store with nothing in it": (zarr_without_values, "mine.zarr: .*"),
    "another checksum": (wrong_checksum, "mine.h5ad: checksum mismatch"),
}


@pytest.mark.filterwarnings("ignore:Transforming to str index")
@pytest.mark.parametrize(("make", "message"), DAMAGED.values(), ids=DAMAGED.keys())
def test_a_damaged_or_foreign_file_is_refused_by_name_and_leaves_nothing(make, message, refused):
    refused(make, f"(?s){message}")
