import gzip
import io
import tarfile
import zipfile

import h5py
import numpy as np
import pytest
from scipy import io as scipy_io
from scipy import sparse

from latentbench.data.tenx import read_10x_h5, read_10x_mtx


def mtx_files(counts: np.ndarray, *, version: int) -> dict[str, bytes]:
    """The three files of Cell Ranger: two genes share the symbol ACTB; from version 3 on gzipped
    and with a kind.
    """
    matrix = io.BytesIO()
    scipy_io.mmwrite(matrix, sparse.coo_matrix(counts.T))
    kind = "\tGene Expression" if version >= 3 else ""
    genes = "".join(f"E{i}\t{symbol}{kind}\n" for i, symbol in enumerate(["ACTB", "NA", "ACTB"]))
    barcodes = "".join(f"BC{i}-1\n" for i in range(len(counts)))
    files = {
        "matrix.mtx": matrix.getvalue(),
        "genes.tsv" if version < 3 else "features.tsv": genes.encode(),
        "barcodes.tsv": barcodes.encode(),
    }
    return (
        files
        if version < 3
        else {f"{name}.gz": gzip.compress(content) for name, content in files.items()}
    )


def write_folder(path, files):
    path.mkdir()
    for name, content in files.items():
        (path / name).write_bytes(content)
    return path


def write_zip(path, files):
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in files.items():
            archive.writestr(f"filtered/hg19/{name}", content)
    return path


def write_tar(path, files):
    with tarfile.open(path, "w:gz") as archive:
        for name, content in files.items():
            info = tarfile.TarInfo(f"filtered/hg19/{name}")
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return path


@pytest.mark.parametrize(
    ("write", "name"), [(write_folder, "folder"), (write_zip, "a.zip"), (write_tar, "a.tar.gz")]
)
@pytest.mark.parametrize("version", [2, 3])
def test_the_three_files_are_read_loose_or_packed(tmp_path, counts, write, name, version):
    found = read_10x_mtx(write(tmp_path / name, mtx_files(counts, version=version)))

    np.testing.assert_array_equal(found.X.toarray(), counts)
    assert list(found.obs_names) == ["BC0-1", "BC1-1", "BC2-1", "BC3-1"]
    assert list(found.var_names) == ["ACTB", "NA", "ACTB-1"]
    assert list(found.var["gene_ids"]) == ["E0", "E1", "E2"]


def test_an_archive_with_paths_that_climb_out_writes_nothing(tmp_path, counts):
    inner = tmp_path / "inner"
    inner.mkdir()
    with tarfile.open(inner / "evil.tar.gz", "w:gz") as archive:
        for name, content in {
            **{f"a/{key}": value for key, value in mtx_files(counts, version=2).items()},
            "../../escaped": b"x",
        }.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))

    read_10x_mtx(inner / "evil.tar.gz")

    assert sorted(path.name for path in tmp_path.rglob("*")) == ["evil.tar.gz", "inner"]


def test_two_matrices_a_missing_file_and_a_wrong_number_of_cells_are_refused(tmp_path, counts):
    files = mtx_files(counts, version=2)
    with zipfile.ZipFile(tmp_path / "two.zip", "w") as archive:
        archive.writestr("a/matrix.mtx", files["matrix.mtx"])
        archive.writestr("b/matrix.mtx", files["matrix.mtx"])
    with pytest.raises(
        ValueError,
        match=r"two.zip: .* found 2 \(a/matrix.mtx, b/matrix.mtx\)",
    ):
        read_10x_mtx(tmp_path / "two.zip")

    with pytest.raises(ValueError, match=r"no features.tsv or genes.tsv beside matrix.mtx"):
        read_10x_mtx(
            write_folder(
                tmp_path / "x",
                {"matrix.mtx": files["matrix.mtx"], "barcodes.tsv": files["barcodes.tsv"]},
            )
        )
    with pytest.raises(
        ValueError, match=r"matrix.mtx is .* but there are 3 features and 1 barcodes"
    ):
        read_10x_mtx(write_folder(tmp_path / "y", {**files, "barcodes.tsv": b"BC0-1\n"}))


@pytest.mark.parametrize("version", [2, 3])
def test_both_generations_of_10x_h5_are_read(tmp_path, counts, version):
    by_gene = sparse.csc_matrix(counts.T)
    with h5py.File(tmp_path / "x.h5", "w") as file:
        group = file.create_group("matrix" if version == 3 else "GRCh38")
        for name in ("data", "indices", "indptr"):
            group[name] = getattr(by_gene, name)
        group["shape"], group["barcodes"] = (
            by_gene.shape,
            np.array([b"BC0", b"BC1", b"BC2", b"BC3"]),
        )
        symbols, ids = np.array([b"A", b"B", b"CD3"]), np.array([b"E0", b"E1", b"ab"])
        if version == 3:
            group["features/name"], group["features/id"] = symbols, ids
            group["features/feature_type"] = np.array(
                [b"Gene Expression", b"Gene Expression", b"Antibody Capture"]
            )
        else:
            group["gene_names"], group["genes"] = symbols, ids

    found = read_10x_h5(tmp_path / "x.h5")

    n_genes = 2 if version == 3 else 3
    np.testing.assert_array_equal(found.X.toarray(), counts[:, :n_genes])
    assert list(found.var_names) == ["A", "B", "CD3"][:n_genes]
    assert list(found.obs_names) == ["BC0", "BC1", "BC2", "BC3"]


def test_an_h5_that_is_not_of_10x_says_what_it_holds(tmp_path):
    with h5py.File(tmp_path / "x.h5", "w") as file:
        file["weights"] = np.ones(3)
    with pytest.raises(ValueError, match=r"one matrix group, this has none \(top level: weights\)"):
        read_10x_h5(tmp_path / "x.h5")
