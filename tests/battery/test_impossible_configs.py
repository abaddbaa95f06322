"""Configs, sheets and options that cannot be meant: refused before anything runs, by file, key and
remedy.
"""

import copy
from pathlib import Path

import pytest
import yaml

from latentbench.study.sheets import read_sheet, read_yaml
from latentbench.study.study import load_study

CONFIG = Path(__file__).parents[2] / "config"
STUDY = yaml.safe_load((CONFIG / "config.yaml").read_text())


def set_in(config: dict, key: str, value) -> None:
    *parents, last = key.split(".")
    for parent in parents:
        config = config.setdefault(parent, {})
    config[last] = value


KEYS = {
    "seeds": [
        ([], "seeds: .*non-empty|seeds: .*too short"),
        ([0, 0], "seeds: .*non-unique"),
        ([-1], "seeds: 0: -1 is less than the minimum of 0"),
        ([2**32], "seeds: 0: .*greater than the maximum"),
        ([0.5], "seeds: 0: 0.5 is not of type 'integer'"),
        (["one"], "seeds: 0: 'one' is not of type 'integer'"),
        (5, "seeds: 5 is not of type 'array'"),
    ],
    "datasets": [
        (["digit"], "'digit' is not in .*did you mean 'digits'"),
        ([], "nothing to run: name datasets and models"),
        (["digits", "digits"], "non-unique"),
        ("digits", "not of type"),
    ],
    "models": [
        (["vea"], "'vea' is not in .*did you mean 'vae'"),
        ([], "nothing to run: name datasets and models"),
        (["../vae"], r"'../vae' is not in "),
    ],
    "preprocessing.split.test_fraction": [
        (0, "test_fraction: 0"),
        (1, "test_fraction: 1"),
        (1.5, "1.5"),
        (float("nan"), "nan"),
        ("0.2", "not of type 'number'"),
    ],
    "preprocessing.max_obs": [
        (0, "max_obs: 0 is less than the minimum of 10"),
        (2.5, "not of type"),
        ("all", "not of type"),
    ],
    "scale": [("smal", "'smal' is not among scales"), (3, "scale")],
    "experiments": [
        ([{"name": "a b", "datasets": ["digits"], "models": ["pca"]}], "experiments: 0: name: "),
        ({}, "experiments: "),
    ],
    "preprocessing.stream_above_gb": [(-1, "less than the minimum"), (float("inf"), "inf")],
    "preprocessing.counts_standard": [
        ({"n_top_gene": 5}, "unknown key 'n_top_gene'; did you mean 'n_top_genes'"),
        ({"n_top_genes": 0}, "n_top_genes: 0"),
        ({"max_mito_fraction": 5}, "max_mito_fraction: 5"),
        ({"target_sum": 0}, "target_sum: 0"),
        ({"target_sum": float("nan")}, "target_sum: .*nan"),
        (
            {"hvg_flavor": "seurat_v"},
            "'seurat_v' is not one of seurat_v3, seurat, cell_ranger, pearson_residuals",
        ),
    ],
    "checkpoints.every_seconds": [(-1, "less than the minimum"), (float("nan"), "nan")],
    "evaluation.statistics.n_bootstrap": [(0, "n_bootstrap: 0")],
    "report.maps.layout": [("tsnee", "'tsnee' is not one of .*did you mean 'tsne'")],
    "allow_failures": [("yes", "'yes' is not of type 'boolean'")],
    "sheets.datasets": [("nowhere.tsv", "no file 'nowhere.tsv'")],
    "thread": [(4, "unknown key 'thread'")],
}


def load(config: dict, folder: Path):
    return load_study(
        config, named="config.yaml", schemas=CONFIG / "schemas", folders=[folder, CONFIG.parent]
    )


@pytest.mark.parametrize(
    ("key", "value", "message"), [(key, *case) for key, cases in KEYS.items() for case in cases]
)
def test_an_impossible_value_is_refused_by_file_and_key(key, value, message, tmp_path):
    config = copy.deepcopy(STUDY)
    set_in(config, key, value)
    with pytest.raises(ValueError, match=message) as caught:
        load(config, tmp_path)
    assert "config.yaml" in str(caught.value)


VARIANTS = {
    "no epochs": ("training: {epochs: 0}", "epochs: 0 is less than the minimum"),
    "a learning rate of nothing": ("training: {learning_rate: 0}", "learning_rate: 0"),
    "a learning rate that is not a number": (
        "training: {learning_rate: .nan}",
        "learning_rate: .*nan",
    ),
    "a learning rate without a bound": ("training: {learning_rate: .inf}", "learning_rate: .*inf"),
    "a learning rate as text": (
        "training: {learning_rate: 1e-3}",
        "learning_rate: '1e-3' is not of type 'number'",
    ),
    "a batch of nothing": ("training: {batch_size: 0}", "batch_size: 0"),
    "no latent dimension": ("hyperparameters: {n_latent: 0}", "n_latent: 0"),
    "half a latent dimension": (
        "hyperparameters: {n_latent: 2.5}",
        "n_latent: 2.5 is not of type 'integer'",
    ),
    "a hyperparameter of another kind": (
        "hyperparameters: {n_clusters: 5}",
        "unknown key 'n_clusters'",
    ),
    "another likelihood": ("likelihood: poison", "'poison' is not one of .*did you mean 'poisson'"),
    "an unknown kind": ("kind: vea", "'vea' is not one of .*did you mean 'vae'"),
}


@pytest.mark.parametrize(("change", "message"), VARIANTS.values(), ids=VARIANTS.keys())
def test_an_impossible_variant_is_refused_by_sheet_variant_and_key(change, message, tmp_path):
    entry = {"kind": "vae", "likelihood": "gaussian"} | yaml.safe_load(change)
    (tmp_path / "models.yaml").write_text(yaml.safe_dump({"mine": entry}))
    config = copy.deepcopy(STUDY) | {
        "models": ["mine"],
        "sheets": {"datasets": "config/datasets.tsv", "models": "models.yaml"},
    }
    with pytest.raises(ValueError, match=message) as caught:
        load(config, tmp_path)
    assert "models.yaml: mine: " in str(caught.value)


@pytest.mark.parametrize(
    "name", ["consensus", "../evil", "a b", "a/b", "-rf", "$(id)", "", "a\n", "ä"]
)
def test_a_variant_whose_name_is_no_name_of_a_file_is_refused(name, tmp_path):
    (tmp_path / "models.yaml").write_text(yaml.safe_dump({name: {"kind": "pca"}}))
    config = copy.deepcopy(STUDY) | {
        "models": [name],
        "sheets": {"datasets": "config/datasets.tsv", "models": "models.yaml"},
    }
    with pytest.raises(ValueError, match=r"models\.yaml"):
        load(config, tmp_path)


ROWS = {
    "a name that climbs out": ({"dataset": "../evil"}, "dataset: '../evil' does not match"),
    "a name with a space": ({"dataset": "a b"}, "dataset: 'a b' does not match"),
    "an option as a name": ({"dataset": "-rf"}, "dataset: '-rf' does not match"),
    "no name": ({"dataset": ""}, "dataset: None is not of type"),
    "an unknown modality": (
        {"modality": "count"},
        "'count' is not one of counts, images, real; did you mean 'counts'",
    ),
    "a preset of another modality": (
        {"preset": "images_unit"},
        "'images_unit' is not one of counts_standard, counts_lenient, counts_raw",
    ),
    "one cluster": ({"n_clusters": "1"}, "n_clusters: 1 is less than the minimum of 2"),
    "clusters as a word": ({"n_clusters": "many"}, "n_clusters: 'many' is not of type"),
    "half a cluster": ({"n_clusters": "2.5"}, "n_clusters: '2.5' is not of type"),
    "a checksum that is none": ({"sha256": "abc"}, "sha256: 0: 'abc' does not match"),
    "no source": ({"sources": ""}, "sources: "),
    "plain http": (
        {"sources": "http://host/a.h5ad"},
        "sources: 0: 'http://host/a.h5ad' does not match",
    ),
    "a file address": ({"sources": "file:///etc/passwd"}, "does not match"),
    "an orientation of nothing": (
        {"orientation": "sideways"},
        "'sideways' is not one of cells_by_genes, genes_by_cells",
    ),
}


@pytest.mark.parametrize(("cells", "message"), ROWS.values(), ids=ROWS.keys())
def test_an_impossible_row_is_refused_by_sheet_and_line(cells, message, place):
    place.write()
    with pytest.raises(ValueError, match=message) as caught:
        place.row(**{"sources": "simulate:counts"} | cells)
    assert "sheet.tsv, line 2" in str(caught.value)


YAMLS = {
    "a tab": ("seeds:\n\t- 1\n", "line 2"),
    "a key twice": (
        "seeds: [1]\nseeds: [2]\n",
        "line 2: the key 'seeds' is written more than once",
    ),
    "an open bracket": ("seeds: [1\nmodels: 2", "line"),
    "a list": ("- 1\n", "holds a list, not a mapping"),
    "an object of Python": (
        "a: !!python/object/apply:os.system ['true']\n",
        "line 1: could not determine a constructor",
    ),
    "bytes that are no text": (b"\xff\xfe\x00", "not UTF-8"),
    "a control character": ("a: \x07\n", "special characters are not allowed"),
}


@pytest.mark.parametrize(("content", "message"), YAMLS.values(), ids=YAMLS.keys())
def test_a_yaml_file_that_cannot_be_read_is_refused_by_its_line(content, message, tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(ValueError, match=message) as caught:
        read_yaml(path)
    assert "mine.yaml" in str(caught.value)


@pytest.mark.parametrize(
    "content",
    [
        b"dataset\tmodality\nm\xe9\tcounts\n",
        b"dataset\tmodality\n\x00\tcounts\n",
        b"",
        b"dataset,modality\n",
        b"PK\x03\x04\xff\xfe",
    ],
    ids=["not UTF-8", "a zero byte", "empty", "commas", "a workbook"],
)
def test_a_data_sheet_that_is_no_sheet_is_refused_by_name(content, tmp_path):
    path = tmp_path / "mine.tsv"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"mine.tsv.*(separated by tabs|does not match|UTF-8)"):
        read_sheet(path, CONFIG / "schemas")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"min_counts": 10**6}, "quality control leaves 0 of 40 cells .* lower its thresholds"),
        ({"min_cells": 41}, "quality control leaves .* 0 of 30 genes; lower its thresholds"),
        ({"min_genes": 31}, "quality control leaves 0 of 40 cells"),
    ],
)
def test_thresholds_that_leave_nothing_are_refused(options, message, refused):
    refused(lambda place: place.write() and None, message, options=options)
