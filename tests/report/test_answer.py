from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from made_up_answer import made_up_answer

from latentbench.files.tables import ANSWER_EVIDENCE
from latentbench.report.answer import DatasetAnswer
from latentbench.report.page import render_page
from latentbench.report.sections import all_sections
from latentbench.report.sections.answer import EVIDENCE, worth
from latentbench.report.tree import drawn_tree


@pytest.fixture
def answer() -> DatasetAnswer:
    return answer_of()


def answer_of(**changes) -> DatasetAnswer:
    found = made_up_answer({"mine": ["vae_nb", "gmvae", "pca"]})
    summary = found.pop("answer_summary").iloc[0].to_dict()
    frames = {name.removeprefix("answer_"): frame for name, frame in found.items()}
    return DatasetAnswer(summary | changes, **frames)


def test_it_is_said_in_words_as_the_tables_have_it(answer):
    assert answer.sentences() == [
        "9 groups [8 to 13].",
        "87 % of the cells are placed with a certainty of .9 or more; groups 7 and 8 are not told"
        " apart by counts that no model has seen.",
        "The models agree on 8 of them.",
        "vae_nb describes the data best among those that agree (chosen in 71 % of resamples).",
    ]


def test_a_declared_number_is_honoured_and_the_found_one_stands_beside_it():
    said = answer_of(n_groups=10, n_declared=10).sentences()[0]
    assert said == "10 groups, the declared number; without it 9 would be found [8 to 13]."


def test_without_held_out_counts_or_a_predictive_score_nothing_is_said_of_them(answer):
    answer.groups["told_apart"] = ""
    answer.models["predictive"] = np.nan
    said = answer.sentences()
    assert said[1] == "87 % of the cells are placed with a certainty of .9 or more."
    assert said[3].startswith("vae_nb agrees best with these groups and with itself")


def test_one_group_is_an_answer():
    said = answer_of(n_groups=1, n_found=1, n_low=1, n_high=1).sentences()
    assert said[0] == "One group [1]."
    assert len(said) == 3


def test_few_clear_groups_are_not_doubted_for_what_finer_members_do():
    said = answer_of(null_agreement=0.6, structure_alike=0.9).doubts()
    assert not any("hardly more" in doubt for doubt in said)


def test_doubts_name_their_groups():
    said = answer_of(chance=0.4, null_agreement=0.6, structure_alike=0.2).doubts()
    assert said == [
        "How many groups there are is not settled: resampling gives 8 to 13.",
        "The models agree hardly more (ARI 0.66) than on data with one group (0.60): there may be"
        " fewer groups, or one.",
        "Which model is best is not settled: vae_nb is chosen in 40 % of resamples.",
        "Groups 7 and 8 come back under other models with a support below 0.5.",
        "Group 8 has cells with a mean certainty below 0.6.",
        "Group 8 has fewer cells than 30.",
        "Held-out counts do not tell apart 7 and 8: these may be one group.",
    ]


def test_a_sound_answer_has_no_doubts(answer):
    answer.groups[["support_variants", "certainty"]] = 0.95
    answer.groups["cells"], answer.groups["told_apart"] = 100, "yes"
    assert replace(answer, summary=answer.summary | {"n_low": 9, "n_high": 9}).doubts() == []


def test_the_tree_has_a_leaf_a_group_and_a_line_and_a_support_a_split(answer):
    tree = drawn_tree(answer.tree, dict.fromkeys(range(9), "red"))
    assert sorted(leaf["text"][0] for leaf in tree["leaves"]) == list("012345678")
    assert len(tree["lines"]) == len(tree["splits"]) == 8
    assert all(0 < split["x"] < tree["width"] for split in tree["splits"])
    assert len({leaf["y"] for leaf in tree["leaves"]}) == 9


def test_leaves_of_one_group_are_one_and_a_single_group_is_no_tree(answer):
    tree = answer.tree.assign(group=[0, 1, 0, 1, 0, 1, 0, 1, 0])
    drawn = drawn_tree(tree, {})
    assert [leaf["text"] for leaf in drawn["leaves"]] == [
        "0 · 1\u202f702 cells",
        "1 · 1\u202f259 cells",
    ]
    assert len(drawn["splits"]) == 1
    assert drawn_tree(answer.tree.assign(group=0), {}) is None


@pytest.fixture(scope="module")
def page(make_results, tables):
    return render_page(make_results(**frames_of(tables)), all_sections())


def frames_of(tables) -> dict[str, pd.DataFrame]:
    models = {each: ["gmvae", "vae", "pca"] for each in tables.datasets}
    return made_up_answer(models)


def section_of(page: str, name: str) -> str:
    start = page.index(f'<section class="{name}"')
    return page[start : page.index("</section>", start)]


def test_the_page_begins_with_the_answer_in_words_and_what_such_answers_are_worth(page):
    first = page[page.index("<section") :]
    assert first.startswith('<section class="answer"')
    section = section_of(page, "answer")
    assert section.count("9 groups [8 to 13].") == 3
    evidence = ANSWER_EVIDENCE.read(EVIDENCE)
    assert worth(evidence) in section
    assert all(rule in section for rule in evidence["rule"])
    assert "Chosen without a label" not in page


def test_groups_tree_agreement_models_and_doubts_are_shown(page):
    section = section_of(page, "groups")
    assert "&lt;b&gt;" in section
    assert section.count('class="heat"') == section.count('class="tree"') == 3
    assert section.count('<button type="button">ARI with labels') == 3
    assert "What is doubtful" in section


def test_without_labels_the_answer_stays_and_nothing_speaks_of_labels(make_results, tables):
    frames = frames_of(tables) | {"criteria": None, "answer": None}
    page = render_page(make_results(labels=False, **frames), all_sections())
    assert section_of(page, "answer").count("9 groups") == 3
    assert "ARI with labels" not in page
    assert '<section class="contest"' not in page


def test_a_data_set_without_an_answer_is_among_what_did_not_work(make_results, tables):
    frames = frames_of(tables)
    summary = frames["answer_summary"]
    summary.loc[summary["dataset"] == "blobs", ["status", "reason"]] = ["degenerate", "no <member>"]
    page = render_page(make_results(**frames), all_sections())
    assert section_of(page, "answer").count("9 groups") == 2
    assert "no &lt;member&gt;" in section_of(page, "failures")
