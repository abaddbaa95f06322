"""Tables as people have them: names, roles of columns, headers, words."""

import gzip

import numpy as np
import pandas as pd
import pytest

from latentbench.data.files import read_annotation, read_table
from latentbench.data.raw import canonical_obs


@pytest.fixture
def table(tmp_path):
    def written(text: str, name: str = "mine.csv"):
        (tmp_path / name).write_text(text)
        return tmp_path / name

    return written


def test_names_are_text_whatever_they_look_like(table):
    found = read_table(table("cell,NA,nan\n0000,1,2\n1E1,3,4\nNA,5,6\n"), "cells_by_genes", [])
    assert list(found.obs_names) == ["0000", "1E1", "NA"]
    assert list(found.var_names) == ["NA", "nan"]


@pytest.mark.parametrize(
    "column",
    ["nCount_RNA", "seurat_clusters", "leiden", "total_counts", "percent.mt", "RNA_snn_res.0.8"],
)
def test_what_is_known_to_be_said_of_cells_is_no_gene(table, column):
    found = read_table(table(f"cell,g0,{column}\na,1,7\nb,2,7\nc,0,9\n"), "cells_by_genes", [])
    assert list(found.var_names) == ["g0"]
    assert list(found.obs.columns) == [column]


def test_a_gene_that_is_called_much_like_a_component_stays(table):
    found = read_table(table("cell,PCA3,PC_1\na,4,1\nb,2,7\n"), "cells_by_genes", [])
    assert list(found.var_names) == ["PCA3"]


@pytest.mark.parametrize(
    "text",
    [
        "cell,g0,flag\na,4,True\nb,9,False\nc,2,True\n",
        "cell,number,g0\na,0,4\nb,1,9\nc,2,2\n",
        ",,g0\na,0,4\nb,1,9\nc,2,2\n",
    ],
    ids=["truth values", "a counter", "pandas' counter without a name"],
)
def test_truth_values_and_counters_are_no_genes(table, text):
    found = read_table(table(text), "cells_by_genes", [])
    assert list(found.var_names) == ["g0"]
    assert found.X.toarray().ravel().tolist() == [4, 9, 2]


def test_featurecounts_columns_are_no_cells_and_its_comment_no_header(table):
    text = (
        "# Program:featureCounts v2\nGeneid\tChr\tStart\tEnd\tStrand\tLength\tc0\tc1\n"
        "g0\tchr1;chr1\t1\t9\t+\t8\t3\t4\ng1\tchr2\t5\t9\t-\t4\t5\t6\n"
    )
    found = read_table(table(text, "mine.tsv"), "genes_by_cells", [])
    assert list(found.obs_names) == ["c0", "c1"]
    assert list(found.var.columns) == ["Chr", "Start", "End", "Strand", "Length"]
    assert found.X.toarray().tolist() == [[3, 5], [4, 6]]


def test_a_header_that_is_one_shorter_is_rs(table):
    found = read_table(table("g0\tg1\na\t1\t2\nb\t3\t4\n", "mine.tsv"), "cells_by_genes", [])
    assert list(found.obs_names) == ["a", "b"]
    notes = read_annotation(table("proj\tkind\n0001\tx\tB\n0002\tx\tT\n", "notes.tsv"))
    assert list(notes.index) == ["0001", "0002"]
    assert list(notes["kind"]) == ["B", "T"]


def test_gzip_without_its_suffix_is_read_and_a_suffix_without_gzip_refused(tmp_path):
    (tmp_path / "mine.csv").write_bytes(gzip.compress(b"cell,g0\na,1\nb,2\n"))
    assert read_table(tmp_path / "mine.csv", "cells_by_genes", []).shape == (2, 1)
    (tmp_path / "mine.csv.gz").write_text("cell,g0\na,1\n")
    with pytest.raises(ValueError, match="not a gzipped file"):
        read_table(tmp_path / "mine.csv.gz", "cells_by_genes", [])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("cell,g0\na,1\n,2\n", "line 3: its name .* is blank"),
        ("cell,g0,\na,1,5\nb,2,7\n", "a column has no name"),
        ("cell,g0,g1\na,1,5,2,5\nb,2,5,1,0\n", "5 fields, the header 3; .*decimal commas"),
    ],
)
def test_what_cannot_be_told_is_refused_by_its_place(table, text, message):
    with pytest.raises(ValueError, match=message):
        read_table(table(text), "cells_by_genes", [])


def test_labels_lose_blanks_and_the_same_words_are_missing_everywhere():
    obs = pd.DataFrame({"kind": ["T cell ", "T cell", "nan", "NA", "", None, " B"]}, index=range(7))
    label = canonical_obs(obs, {"label": "kind"}, "mine")["label"]
    assert list(label.cat.categories) == ["B", "T cell"]
    assert label.isna().to_numpy().tolist() == [False, False, True, True, True, True, False]
    assert np.array_equal(label.cat.codes[:2], [1, 1])
