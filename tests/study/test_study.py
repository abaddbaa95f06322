import shutil
from pathlib import Path

import anndata as ad
import numpy as np
import pandas as pd
import pytest
import yaml

from latentbench.models import MODELS
from latentbench.study.applicability import FITTING_MODALITIES
from latentbench.study.sheets import numbers_of, read_sheet
from latentbench.study.spelling import nearest
from latentbench.study.study import load_study, read_variants, scaled

ROOT = Path(__file__).parents[2]
CONFIG = yaml.safe_load((ROOT / "config/config.yaml").read_text())


@pytest.fixture
def folder(tmp_path):
    shutil.copytree(ROOT / "config", tmp_path / "config")
    return tmp_path


def load(folder, **changes):
    return load_study(
        {**CONFIG, **changes},
        named="config.yaml",
        schemas=ROOT / "config/schemas",
        folders=[folder],
    )


def rewrite_models(folder, **variants):
    (folder / "config/models.yaml").write_text(yaml.safe_dump(variants))


def test_the_default_study_is_valid_and_skips_count_likelihoods_on_other_data(folder):
    study = load(folder)
    assert ("pbmc68k_reduced", "vae_nb") in study.cells
    reasons = {(cell["dataset"], cell["model"]): cell["reason"] for cell in study.not_applicable}
    assert (
        reasons["digits", "vae_nb"]
        == "likelihood 'nb' is a distribution of counts, and digits holds images data"
    )
    assert len(study.cells) + len(study.not_applicable) == len(study.datasets) * len(study.models)


def test_experiments_add_their_products_and_what_is_asked_twice_is_trained_once(folder):
    experiments = [
        {"name": "images", "datasets": ["digits"], "models": ["pca", "ae_images"]},
        {"name": "toy", "datasets": ["blobs", "digits"], "models": ["pca"]},
    ]
    study = load(folder, datasets=["digits"], models=["pca", "ae"], experiments=experiments)

    assert study.cells == [
        ("digits", "pca"),
        ("digits", "ae"),
        ("digits", "ae_images"),
        ("blobs", "pca"),
    ]
    assert study.datasets == ["digits", "blobs"]
    assert study.models == ["pca", "ae", "ae_images"]


def test_experiments_alone_make_a_study(folder):
    study = load(
        folder,
        datasets=[],
        models=[],
        experiments=[{"name": "toy", "datasets": ["blobs"], "models": ["pca"]}],
    )

    assert study.cells == [("blobs", "pca")]


def test_the_family_has_every_kind_and_likelihood_and_no_pair_is_not_applicable(
    folder,
):
    over = yaml.safe_load((ROOT / "config/family.yaml").read_text())
    family = {**CONFIG, **over, "evaluation": CONFIG["evaluation"] | over["evaluation"]}
    for scale in family["scales"]:
        study = load_study(
            scaled({**family, "scale": scale}, named="family.yaml"),
            named="family.yaml",
            schemas=ROOT / "config/schemas",
            folders=[folder],
        )
        assert study.not_applicable == []
        assert set(CONFIG["datasets"]) <= set(study.datasets)
        # A clustering is what data of one's own bring along.
        kinds = {study.variants[model]["kind"] for model in study.models}
        assert kinds == set(MODELS) - {"clustering"}
        assert {study.variant(model, dataset)["likelihood"] for dataset, model in study.cells} - {
            None
        } == set(FITTING_MODALITIES)
        assert study.seeds == [0, 1, 2, 3, 4]
    on_images = {study.variants[model]["kind"] for model in study.asked["digits"]}
    assert set(MODELS) - on_images == {"scvi", "ldvae", "scanvi", "clustering"} | {
        kind for kind, entry in MODELS.items() if entry.covariates == "required"
    }


def test_the_thesis_is_a_valid_study_at_every_scale_and_no_pair_is_not_applicable(folder):
    over = yaml.safe_load((ROOT / "config/thesis.yaml").read_text())
    thesis = {**CONFIG, **over, "sheets": CONFIG["sheets"] | over["sheets"]}
    for scale in thesis["scales"]:
        study = load_study(
            scaled({**thesis, "scale": scale}, named="thesis.yaml"),
            named="thesis.yaml",
            schemas=ROOT / "config/schemas",
            folders=[folder],
        )
        assert study.not_applicable == []
        assert set(study.prepared_datasets) == set(study.datasets)


def test_a_chapter_about_a_data_set_that_is_not_in_the_study_is_refused(folder):
    sheets = CONFIG["sheets"] | {"published": "config/published.tsv"}
    with pytest.raises(
        ValueError,
        match=(
            r"config.yaml: chapters: a: 'digit' is no data set of the study; did you mean"
            r" 'digits'\?"
        ),
    ):
        load(folder, sheets=sheets, chapters=[{"name": "a", "title": "A", "datasets": ["digit"]}])


def test_a_scale_lays_its_keys_over_the_others():
    config = {
        "scale": "small",
        "scales": {"small": {"preprocessing": {"max_obs": 50}, "seeds": [0]}},
        "preprocessing": {"stream_above_gb": 4},
        "seeds": [0, 1],
    }

    assert scaled(config, named="config.yaml") | {"scale": None, "scales": None} == {
        **{"scale": None, "scales": None, "seeds": [0]},
        **{"preprocessing": {"stream_above_gb": 4, "max_obs": 50}},
    }
    assert config["seeds"] == [0, 1]


def test_a_misspelt_scale_is_refused():
    with pytest.raises(
        ValueError,
        match=(
            r"config.yaml: scale: 'smal' is not among scales; did you mean 'small'\?; known: full,"
            r" small"
        ),
    ):
        scaled({"scale": "smal", "scales": {"full": {}, "small": {}}}, named="config.yaml")


def test_a_data_set_kept_to_the_genes_of_another_has_it_prepared_too(folder):
    study = load(folder, datasets=["kang_control"], models=["pca"], mirror="anywhere")

    assert study.prepared_datasets == ["kang_control", "pbmc_facs"]


def test_a_chain_of_shared_genes_is_refused(folder):
    sheet = folder / "config/datasets.tsv"
    lines = sheet.read_text().splitlines()
    column = lines[0].split("\t").index("genes_of")
    changed = [line.split("\t") for line in lines]
    for cells in changed:
        cells[column] = "kang_ifnb" if cells[0] == "pbmc_facs" else cells[column]
    sheet.write_text("\n".join("\t".join(cells) for cells in changed))
    with pytest.raises(
        ValueError,
        match="kang_control: genes_of: pbmc_facs is itself kept to the genes of kang_ifnb",
    ):
        load(folder, datasets=["kang_control"], models=["pca"], mirror="anywhere")


def test_every_row_of_the_sheet_and_every_variant_makes_a_valid_study(folder):
    rows = load(folder).rows
    study = load(folder, datasets=list(rows))
    assert {dataset for dataset, _ in study.cells} == set(rows)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"dataset": ["digits"]}, "config.yaml: unknown key 'dataset'; did you mean 'datasets'?"),
        (
            {"datasets": ["digit"]},
            "config.yaml: datasets: 'digit' is not in .*datasets.tsv; did you mean 'digits'?",
        ),
        (
            {"report": {"title": "a study", "explorer": {"genes": {"digit": ["CD3D"]}}}},
            (
                "config.yaml: report: explorer: genes: 'digit' is not in .*datasets.tsv; did you"
                " mean 'digits'?"
            ),
        ),
        (
            {"models": ["gmvea"]},
            "config.yaml: models: 'gmvea' is not in .*models.yaml; did you mean 'gmvae'?",
        ),
        (
            {"datasets": [], "models": []},
            "config.yaml: nothing to run: name datasets and models, experiments that have both",
        ),
        (
            {"experiments": [{"name": "a", "datasets": ["digits"], "models": ["gmvea"]}]},
            (
                "config.yaml: experiments: a: models: 'gmvea' is not in .*models.yaml; did you mean"
                " 'gmvae'?"
            ),
        ),
        (
            {"experiments": [{"name": "a", "datasets": ["digits"], "models": ["pca"]}] * 2},
            "experiments: a name is used twice",
        ),
        (
            {"experiments": [{"name": "a", "datasets": ["digits"], "model": ["pca"]}]},
            "experiments: 0: unknown key 'model'; did you mean 'models'?",
        ),
        (
            {"chapters": [{"name": "a", "title": "A", "datasets": []}]},
            "config.yaml: chapters: they set results beside published ones; name the sheet",
        ),
        ({"seeds": []}, r"config.yaml: seeds: \[\] should be non-empty"),
        ({"seeds": [1, 1]}, "config.yaml: seeds: .*non-unique"),
        (
            {"preprocessing": {"split": {"test_fractoin": 0.2}}},
            "preprocessing: split: unknown key 'test_fractoin'; did you mean 'test_fraction'?",
        ),
        (
            {"preprocessing": {"split": {"test_fraction": 2}}},
            "preprocessing: split: test_fraction: 2 is greater than or equal to the maximum of 1",
        ),
        (
            {"sheets": {"datasets": "absent.tsv", "models": "config/models.yaml"}},
            "config.yaml: sheets: no file 'absent.tsv' in",
        ),
    ],
)
def test_a_mistake_in_the_config_is_refused_with_its_place(changes, message, folder):
    with pytest.raises(ValueError, match=message):
        load(folder, **changes)


@pytest.mark.parametrize(
    ("variant", "message"),
    [
        (
            {"kind": "vea", "likelihood": "nb"},
            "mine: kind: 'vea' is not one of .*did you mean 'vae'?",
        ),
        ({"kind": "vae"}, "mine: missing key 'likelihood'"),
        ({"kind": "vae", "likelihood": "negbin"}, "mine: likelihood: 'negbin' is not one of"),
        (
            {"kind": "vae", "likelihood": {"count": "nb"}},
            "mine: likelihood: unknown key 'count'; did you mean 'counts'?",
        ),
        (
            {"kind": "vae", "likelihood": "nb", "hyperparameters": {"n_latnt": 3}},
            "mine: hyperparameters: unknown key 'n_latnt'; did you mean 'n_latent'?",
        ),
        (
            {"kind": "vae", "likelihood": "nb", "training": {"epoch": 3}},
            "mine: training: unknown key 'epoch'; did you mean 'epochs'?",
        ),
        (
            {"kind": "vae", "likelihood": "nb", "training": {"epochs": 0}},
            "mine: training: epochs: 0 is less than the minimum of 1",
        ),
        (
            {"kind": "pca", "likelihood": "nb"},
            "mine: likelihood: this key does not apply to this kind",
        ),
        (
            {"kind": "vae", "likelihood": "nb", "task": {"mode": "guided"}},
            "mine: task: this key does not apply to this kind",
        ),
        ({"kind": "embedding"}, "mine: missing key 'hyperparameters'"),
        (
            {"kind": "m2", "likelihood": "nb", "task": {"mode": "transfer"}},
            "mine: task: missing key 'pretrain_on'",
        ),
        (
            {
                "kind": "m2",
                "likelihood": "nb",
                "task": {"mode": "transfer", "pretrain_on": "digit"},
            },
            "mine: task: pretrain_on: 'digit' is not in .*did you mean 'digits'?",
        ),
        (
            {
                "kind": "m2",
                "likelihood": "nb",
                "task": {"mode": "transfer", "pretrain_on": "digits", "label_fraction": 0.5},
            },
            "mine: task: label_fraction: this key does not apply to mode transfer",
        ),
        (
            {"kind": "m2", "likelihood": "nb", "task": {"mode": "guided", "finetune": True}},
            "mine: task: finetune: this key does not apply to any mode but transfer",
        ),
    ],
)
def test_a_mistake_in_a_variant_is_refused_with_its_place(variant, message, folder):
    rewrite_models(folder, mine=variant)
    with pytest.raises(ValueError, match=message):
        load(folder, models=["mine"])


def test_the_number_of_clusters_comes_from_the_variant_or_else_from_the_sheet(folder):
    rewrite_models(
        folder,
        declared={"kind": "gmvae", "likelihood": "bernoulli"},
        more={"kind": "gmvae", "likelihood": "bernoulli", "hyperparameters": {"n_clusters": 20}},
    )
    study = load(folder, models=["declared", "more"], datasets=["digits"])
    assert study.variant("declared", "digits")["hyperparameters"]["n_clusters"] == 10
    assert study.variant("more", "digits")["hyperparameters"]["n_clusters"] == 20


def test_a_mixture_without_a_number_is_bounded_and_what_needs_a_declared_one_says_so(folder):
    add_row(
        folder,
        {
            "dataset": "mine",
            "modality": "counts",
            "sources": "mine.h5ad",
            "preset": "counts_standard",
        },
    )
    models = [*CONFIG["models"], "kmeans_pca"]
    study = load(folder, datasets=["mine"], models=models, mirror="elsewhere")
    reasons = {cell["model"]: cell["reason"] for cell in study.not_applicable}
    assert "fill n_clusters in the sheet's row of mine" in reasons["kmeans_pca"]
    assert ("mine", "gmvae") in study.cells
    assert study.is_bounded("gmvae", "mine")
    assert not study.is_bounded("vae_nb", "mine")
    assert not study.is_bounded("gmvae", "blobs")
    assert "needs labels" in reasons["true_labels"]


TRANSFERRED = {
    "kind": "gmvae_conditional",
    "likelihood": {"counts": "nb", "real": "gaussian", "images": "bernoulli"},
    "covariates": ["batch"],
}


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ({"dataset": "mine"}, "it is pretrained on mine itself"),
        (
            {"modality": "real", "preset": "real_standardised"},
            "it is pretrained on other, which holds real data, and mine holds counts data",
        ),
        (
            {"label": ""},
            "it is pretrained on the labels of other, whose row in the sheet names no label column",
        ),
        (
            {"batch": ""},
            (
                "it is conditioned on batch and pretrained on other, whose row in the sheet names"
                " no such column"
            ),
        ),
        ({}, None),
    ],
)
def test_a_transfer_that_cannot_be_is_not_applicable_and_says_why(source, reason, folder):
    row = {
        "dataset": "mine",
        "modality": "counts",
        "sources": "a.h5ad",
        "preset": "counts_standard",
        "label": "type",
        "batch": "chip",
        "n_clusters": "4",
    }
    other = {**row, "dataset": "other", "n_clusters": "7", **source}
    add_row(folder, row)
    if other["dataset"] != "mine":
        add_row(folder, other)
    rewrite_models(
        folder,
        moved={**TRANSFERRED, "task": {"mode": "transfer", "pretrain_on": other["dataset"]}},
        pca={"kind": "pca"},
    )
    study = load(folder, datasets=["mine"], models=["moved", "pca"], mirror="elsewhere")
    assert [cell["reason"] for cell in study.not_applicable] == ([reason] if reason else [])
    if reason is None:
        # the other data set is prepared without being part of the study, and there are clusters
        # enough for either
        assert study.prepared_datasets == ["mine", "other"]
        assert study.datasets == ["mine"]
        assert study.variant("moved", "mine")["hyperparameters"]["n_clusters"] == 7


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (
            lambda text: text.replace("modality", "modalty", 1),
            r"line 2: unknown column 'modalty'; did you mean 'modality'\?",
        ),
        (
            lambda text: text.replace("\timages\t", "\timage\t", 1),
            r"line 3: modality: 'image' is not one of .*did you mean 'images'\?",
        ),
        (
            lambda text: text + text.splitlines()[1] + "\n",
            "data set 'pbmc68k_reduced' is named twice",
        ),
        (lambda text: text + "short\trow\n", "fewer cells than the header"),
    ],
)
def test_a_mistake_in_the_sheet_is_refused_with_its_line(edit, message, folder):
    sheet = folder / "config/datasets.tsv"
    sheet.write_text(edit(sheet.read_text()))
    with pytest.raises(ValueError, match=message):
        load(folder)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (
            {"sources": "absent.h5ad"},
            "mine: no such file: absent.h5ad; paths are looked for in the working directory",
        ),
        ({"sources": "table.csv.gz"}, "mine: table.csv.gz needs an orientation"),
        ({"sources": "absent.h5ad", "n_clusters": "four"}, "n_clusters: 'four' is not of type"),
    ],
)
def test_what_can_be_known_of_a_row_is_known_before_anything_runs(
    row, message, folder, monkeypatch
):
    monkeypatch.chdir(folder)
    (folder / "table.csv.gz").touch()
    add_row(folder, {"dataset": "mine", "modality": "counts", "preset": "counts_standard", **row})
    with pytest.raises(ValueError, match=message):
        load(folder, datasets=["mine"])


def test_a_whole_number_from_a_spreadsheet_is_read(folder):
    add_row(
        folder,
        {
            "dataset": "mine",
            "modality": "counts",
            "preset": "counts_standard",
            "sources": "mine.h5ad",
            "n_clusters": "4.0",
        },
    )
    assert load(folder).rows["mine"]["n_clusters"] == 4


def test_a_sheet_without_tabs_is_refused_in_one_sentence(folder):
    (folder / "config/datasets.tsv").write_text(
        "dataset,modality,sources,preset\nmine,counts,a.h5ad,counts_raw\n"
    )
    with pytest.raises(ValueError, match="line 1: no tab in the header"):
        load(folder)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "vae: {kind: pca}\nvae: {kind: ae, likelihood: nb}\n",
            "models.yaml, line 2: the key 'vae' is written more than once",
        ),
        ("vae:\n  kind: vae\n bad\n", "models.yaml, line 3: "),
        ("- vae\n", "models.yaml: holds a list, not a mapping"),
    ],
)
def test_a_mistake_of_yaml_is_refused_with_its_line(text, message, folder):
    (folder / "config/models.yaml").write_text(text)
    with pytest.raises(ValueError, match=message):
        load(folder)


GUIDED = {
    "kind": "gmvae",
    "likelihood": {"counts": "nb", "images": "bernoulli"},
    "task": {"mode": "guided", "guide_on": {"counts": "codes", "images": "pixels"}},
}
CODES = {"kind": "vae", "likelihood": "nb"}
PIXELS = {"kind": "ae", "likelihood": "bernoulli"}


def test_a_guide_is_trained_too_and_is_that_of_the_modality(folder):
    rewrite_models(folder, mine=GUIDED, codes=CODES, pixels=PIXELS, other=CODES)
    study = load(folder, datasets=["pbmc68k_reduced", "digits"], models=["mine"])
    assert study.guide_of("mine", "pbmc68k_reduced") == "codes"
    assert study.guide_of("mine", "digits") == "pixels"
    assert study.known_models == ["mine", "codes", "pixels"]
    assert study.trained_cells == [*study.cells, ("pbmc68k_reduced", "codes"), ("digits", "pixels")]
    assert study.cells == [("pbmc68k_reduced", "mine"), ("digits", "mine")]
    assert "guide_on" not in study.variant("mine", "digits")["task"]


@pytest.mark.parametrize(
    ("variants", "message"),
    [
        (
            {"mine": GUIDED, "code": CODES, "pixels": PIXELS},
            "mine: task: guide_on: 'codes' is not in .*did you mean 'code'",
        ),
        (
            {
                "mine": GUIDED,
                "codes": GUIDED | {"task": {"mode": "guided", "guide_on": "mine"}},
                "pixels": PIXELS,
            },
            "mine is guided by codes is guided by mine",
        ),
    ],
)
def test_a_guide_that_is_not_there_or_goes_in_circles_is_refused(variants, message, folder):
    rewrite_models(folder, **variants)
    with pytest.raises(ValueError, match=message):
        load(folder, datasets=["pbmc68k_reduced", "digits"], models=["mine"])


def test_a_variant_whose_guide_cannot_be_trained_or_sees_labels_is_not_applicable(folder):
    rewrite_models(folder, mine=GUIDED, codes=PIXELS, pixels=PIXELS, pca={"kind": "pca"})
    study = load(folder, datasets=["pbmc68k_reduced", "digits"], models=["mine", "pca"])
    assert [cell["reason"] for cell in study.not_applicable] == [
        "it is guided by codes: likelihood 'bernoulli' is a distribution of images, and"
        " pbmc68k_reduced holds counts data"
    ]
    rewrite_models(folder, mine=GUIDED, codes={"kind": "true_labels"}, pixels=PIXELS)
    study = load(folder, datasets=["pbmc68k_reduced", "digits"], models=["mine"])
    assert study.not_applicable[0]["reason"] == "it is guided by codes, which sees labels"


BLOBS = {
    "dataset": "blobs",
    "models": ["cvae"],
    "control": "control",
    "stimulated": "treated",
    "min_cells": 50,
}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"dataset": "blob"}, "predictions: dataset: 'blob' is not in .*did you mean 'blobs'?"),
        ({"models": ["cave"]}, "predictions: models: 'cave' is not in .*did you mean 'cvae'?"),
        (
            {"models": ["vae"]},
            (
                "predictions: vae on blobs: kind 'vae' cannot be asked for cells under another"
                " condition; those that can: .*cvae"
            ),
        ),
        ({"dataset": "digits"}, "predictions: cvae on digits: .*names no condition column"),
        (
            {"dataset": "kang_ifnb", "models": ["scvi"]},
            "scvi on kang_ifnb: .*give it covariates: \\[condition\\]",
        ),
        (
            {"models": ["scvi_told"]},
            "likelihood 'nb' is a distribution of counts, and blobs holds real data",
        ),
        ({"min_cell": 3}, "predictions: 0: unknown key 'min_cell'; did you mean 'min_cells'?"),
    ],
)
def test_a_prediction_that_cannot_be_made_is_refused_before_anything_runs(changes, message, folder):
    with open(folder / "config/models.yaml", "a") as sheet:
        sheet.write("\nscvi_told: {kind: scvi, likelihood: nb, covariates: [condition]}\n")
    with pytest.raises(ValueError, match=message):
        load(folder, predictions=[{**BLOBS, **changes}])


def test_a_prediction_is_known_by_its_data_set_and_asked_once(folder):
    assert load(folder, predictions=[BLOBS]).predictions == {
        "blobs": {"hidden": ["cell_type"], **BLOBS}
    }
    with pytest.raises(ValueError, match="named twice"):
        load(folder, predictions=[BLOBS, BLOBS])


def test_numbers_of_the_command_line_are_numbers_again():
    given = {
        "seeds": ["0", "12"],
        "datasets": ["mydata", "1e"],
        "scoring": {"n_neighbors": "10", "x": "0.5"},
        "title": "a 3",
    }
    assert numbers_of(given) == {
        "seeds": [0, 12],
        "datasets": ["mydata", "1e"],
        "scoring": {"n_neighbors": 10, "x": 0.5},
        "title": "a 3",
    }


def add_row(folder, row):
    sheet = folder / "config/datasets.tsv"
    header = sheet.read_text().splitlines()[0].split("\t")
    sheet.write_text(sheet.read_text() + "\t".join(row.get(column, "") for column in header) + "\n")


def test_nothing_is_suggested_for_a_word_like_no_other():
    assert nearest("zzz", ["epochs", "seeds"]) == ""


def test_the_reference_of_the_config_is_fresh():
    from latentbench.commands.config_reference import reference

    assert (ROOT / "config/README.md").read_text() == reference(ROOT / "config/schemas"), (
        "run: make reference"
    )


def test_ones_own_data_are_a_study_of_their_own_with_the_columns_that_were_given(folder):
    study = load(folder, data="simulate:counts", label="group", n_clusters=4)

    assert study.datasets == ["simulate_counts"]
    row = study.row("simulate_counts")
    assert (row["sources"], row["modality"]) == (["simulate:counts"], "counts")
    assert (row["label"], row["n_clusters"], row["batch"]) == ("group", 4, None)


def test_ones_own_data_that_are_not_there_are_refused_by_their_path(folder):
    with pytest.raises(
        ValueError, match=r"config\.yaml: nothing_here: no such file: .*nothing_here"
    ):
        load(folder, data="my folder/nothing_here.h5ad")


def test_a_study_goes_on_without_a_data_set_that_was_refused_and_its_pairs_say_why(folder):
    study = load(folder, refused={"digits": "digits.npz: cut off"})
    assert study.datasets == ["pbmc68k_reduced", "blobs"]
    assert "digits" not in study.prepared_datasets
    assert all(dataset != "digits" for dataset, _ in study.cells)
    reasons = {each["reason"] for each in study.not_applicable if each["dataset"] == "digits"}
    assert reasons == {"the data set was refused: digits.npz: cut off"}
    assert len(study.cells) + len(study.not_applicable) == 3 * len(study.models)


def test_what_is_kept_to_the_genes_of_a_refused_data_set_or_pretrained_on_it_is_not_there_either(
    folder,
):
    add_row(
        folder,
        {
            "dataset": "mine",
            "modality": "real",
            "preset": "real_standardised",
            "sources": "simulate:blobs",
            "genes_of": "blobs",
            "label": "label",
        },
    )
    rewrite_models(
        folder,
        pca={"kind": "pca"},
        moved={
            "kind": "m2",
            "likelihood": "gaussian",
            "task": {"mode": "transfer", "pretrain_on": "blobs"},
        },
    )
    study = load(
        folder, datasets=["mine", "digits"], models=["pca", "moved"], refused={"blobs": "gone"}
    )
    reasons = {(each["dataset"], each["model"]): each["reason"] for each in study.not_applicable}
    assert "its genes are those of blobs, which was refused: gone" in reasons["mine", "pca"]
    assert "pretrained on blobs, which was refused: gone" in reasons["digits", "moved"]
    assert study.prepared_datasets == ["digits"]


def test_a_study_all_of_whose_data_sets_were_refused_is_none(folder):
    with pytest.raises(ValueError, match="the data set was refused: gone"):
        load(folder, datasets=["blobs"], refused={"blobs": "gone"})


def test_what_the_data_have_already_is_a_study_of_members_without_training(folder):
    path = folder / "mine.h5ad"
    cells = ad.AnnData(np.ones((20, 1100), dtype=np.float32), obsm={"X_mine": np.zeros((20, 2))})
    cells.obs["leiden"] = pd.Categorical(["a", "b"] * 10)
    cells.write_h5ad(path)
    asked = {"embeddings": ["X_mine"], "clusterings": ["leiden"], "models": []}
    study = load(folder, data=str(path), **asked)
    assert study.cells == [("mine", "X_mine"), ("mine", "leiden")]
    assert study.members_of_consensus("mine") == ["X_mine", "leiden"]
    assert study.row("mine")["preset"] == "counts_lenient"
    with pytest.raises(ValueError, match="embeddings and clusterings are those of data"):
        load(folder, **asked)


def test_the_shipped_variants_were_tuned_on_data_sets_of_the_shipped_sheet_and_pass_it_on():
    rows = read_sheet(ROOT / "config/datasets.tsv", ROOT / "config/schemas")
    variants = read_variants(ROOT / "config/models.yaml", [ROOT])
    tuned = {name: entry["tuned_on"] for name, entry in variants.items() if "tuned_on" in entry}
    assert {each for names in tuned.values() for each in names} <= set(rows)
    for name, entry in variants.items():
        guides = entry.get("task", {}).get("guide_on", {})
        for guide in guides.values() if isinstance(guides, dict) else [guides]:
            assert set(tuned.get(guide, [])) <= set(tuned.get(name, [])), (name, guide)
    assert {name for name, row in rows.items() if row["circular"]} == {
        "paul15",
        "pbmc3k",
        "pbmc4k_top2000",
    }
