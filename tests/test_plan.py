import re
from pathlib import Path

import pytest
import yaml

from latentbench import plan
from latentbench.commands.plan_reference import Written, read_rules
from latentbench.figures import jobs as figure_jobs
from latentbench.figures.catalogue import FIGURES
from latentbench.plan import STEPS, Determinism, artefact_steps, files
from latentbench.study.study import laid_over, load_study

ROOT = Path(__file__).parents[1]
CONFIG = yaml.safe_load((ROOT / "config/config.yaml").read_text())
PREDICTED = {
    "dataset": "blobs",
    "models": ["cvae"],
    "control": "control",
    "stimulated": "treated",
    "min_cells": 50,
}
EVALUATION = CONFIG["evaluation"]
NOTHING = Written((), ())


def study_of(**changes):
    return load_study(
        {**CONFIG, **changes},
        named="config.yaml",
        schemas=ROOT / "config/schemas",
        folders=[ROOT],
    )


@pytest.fixture(scope="module")
def default():
    return study_of()


@pytest.fixture(scope="module")
def thesis():
    config = yaml.safe_load((ROOT / "config/thesis.yaml").read_text())
    return study_of(**laid_over(CONFIG, config))


def datasets(units):
    return [unit["dataset"] for unit in units]


def test_every_rule_has_its_line_and_every_line_its_rule():
    assert len({step.rule for step in STEPS}) == len(STEPS)
    written = {step.rule for step in STEPS if not step.figures}
    assert written == set(read_rules(ROOT / "rules"))


def test_every_sort_of_figures_of_the_catalogue_is_drawn_by_a_rule_of_the_plan():
    drawn = [step.figures for step in STEPS if step.figures]
    assert sorted(drawn) == sorted({figure.per for figure in FIGURES})


@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.rule)
def test_a_line_says_where_in_words_and_its_units_are_the_wildcards_of_its_rule(
    step, default, thesis
):
    assert step.where.__doc__.strip()[-1] != "."
    paths = () if step.figures else read_rules(ROOT / "rules")[step.rule].writes
    for path in paths:
        assert set(re.findall(r"{(\w+)}", path)) == set(step.per.wildcards), path
    for study in (default, thesis):
        for unit in step.where(study):
            assert tuple(unit) == step.per.wildcards


def test_no_unit_is_there_twice(default, thesis):
    for study in (default, thesis):
        for step in STEPS:
            units = [tuple(unit.items()) for unit in step.where(study)]
            assert len(units) == len(set(units)), step.rule


def test_what_a_study_does_not_ask_for_is_not_made(default):
    for where in (
        plan.where_predicted,
        plan.where_published,
        plan.integrated,
        plan.asked_to_predict,
        plan.predicting,
        plan.written,
    ):
        assert where(default) == []


def test_predictions_are_made_where_the_config_asks_for_them_by_the_variants_it_names():
    study = study_of(predictions=[PREDICTED])
    assert plan.where_predicted(study) == [{}]
    assert plan.predicting(study) == [{"dataset": "blobs", "model": "cvae"}]
    assert "cvae" not in study.models
    assert {"dataset": "blobs", "model": "cvae"} not in plan.trained(study)


def test_networks_on_images_are_decoded_and_counts_have_markers(default):
    assert plan.decoded(default) == [
        {"dataset": "digits", "model": model} for model in ("ae", "vae", "gmvae", "gmvae_dirichlet")
    ]
    assert datasets(plan.of_counts(default)) == ["pbmc68k_reduced"]
    assert plan.where_counts(study_of(datasets=["blobs"])) == []


def test_both_latents_are_drawn_of_models_that_declare_two_on_data_with_conditions(default):
    assert plan.drawn_from_two_latents(default) == [
        {"dataset": "blobs", "model": "gmvae_dirichlet"}
    ]


def test_a_guide_is_trained_and_not_evaluated(thesis):
    extra = [unit for unit in plan.trained(thesis) if unit not in plan.evaluated(thesis)]
    guides = {thesis.guide_of(model, dataset) for dataset, model in thesis.trained_cells}
    assert {unit["model"] for unit in extra} <= guides


def test_one_variant_alone_agrees_with_nobody():
    assert plan.agreeing(study_of(datasets=["blobs"], models=["pca"])) == []
    assert datasets(plan.agreeing(study_of(datasets=["blobs"], models=["pca", "vae"]))) == ["blobs"]


def test_batches_are_looked_at_where_the_config_asks_and_the_sheet_names_one():
    study = study_of(evaluation={**EVALUATION, "integration": True})
    assert all(study.row(dataset)["batch"] for dataset in datasets(plan.integrated(study)))


def test_the_chapter_of_the_theory_shows_the_figures_of_the_thesis(thesis):
    numbered = set(figure_jobs.stems(thesis, "thesis"))
    assert numbered <= set(plan.figures_of_chapter(thesis, "theory"))
    other = next(name for name in thesis.chapters if name != "theory")
    assert not numbered & set(plan.figures_of_chapter(thesis, other))


def test_a_notebook_shows_those_of_its_figures_that_the_data_set_has(default):
    assert plan.figures_of_notebook(default, "digits") == [
        f"digits/{name}" for name in ("scores", "maps", "losses", "usage", "confusion")
    ]
    without = study_of(models=["pca"])
    assert "digits/losses" not in plan.figures_of_notebook(without, "digits")


def test_files_are_those_of_the_readers_own_units():
    units = [{"dataset": "a", "model": "m"}, {"dataset": "b", "model": "m"}]
    assert files(["{dataset}/{model}.x", "{model}.y"], units, {"dataset": "b"}) == ["b/m.x", "m.y"]
    assert files(["{dataset}/{model}.x"], units, {"chapter": "c"}) == ["a/m.x", "b/m.x"]
    assert files(["table.tsv"], [{}], {"dataset": "a"}) == ["table.tsv"]
    assert files(["table.tsv"], []) == []


def test_what_only_says_how_the_study_is_is_no_artefact():
    others = {step.rule for step in STEPS} - {step.rule for step in artefact_steps()}
    assert others == {"validate", "manifest", "verdict"}


def test_a_step_is_no_more_the_same_on_another_machine_than_what_it_reads():
    order = list(Determinism)
    written = read_rules(ROOT / "rules")
    classes = {step.rule: step.on_another_machine for step in artefact_steps()}
    for rule, kind in classes.items():
        for read in set(written.get(rule, NOTHING).reads) & set(classes):
            assert order.index(classes[read]) <= order.index(kind), f"{rule} reads {read}"
