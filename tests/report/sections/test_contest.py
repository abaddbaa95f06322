import pandas as pd
import pytest

from latentbench.report.sections.contest import verdict_of


@pytest.fixture
def answer(study_folder):
    return pd.read_parquet(study_folder / "tables" / "answer.parquet")


def scopes(verdict):
    return [row[0].text for row in verdict["table"].rows]


DATASETS = ["pbmc68k_reduced", "digits", "blobs"]


def test_the_verdict_names_the_best_model_its_interval_and_its_ties(answer, tables):
    view = verdict_of(answer, tables, DATASETS)
    over_all = answer[answer["scope"] == "all"].set_index("model")
    assert over_all.loc[view["model"], "mean"] == over_all.loc[over_all["in_contest"], "mean"].max()
    ties = over_all.index[
        over_all["in_contest"]
        & ~over_all["best"]
        & (over_all["distinguishable"].astype(str) != "True")
    ]
    assert len(ties) > 0
    assert all(tie in view["verdict"] for tie in ties)
    assert f"{over_all.loc[view['model'], 'mean']:.3f}" in view["verdict"]


def test_a_small_study_is_said_to_be_small(answer, tables):
    assert "3 data sets: too few" in verdict_of(answer, tables, DATASETS)["note"]


def test_whoever_could_not_compete_is_named_with_the_reason(answer, tables):
    sentences = verdict_of(answer, tables, DATASETS)["sentences"]
    assert any(sentence.startswith("vae_nb is not in this comparison") for sentence in sentences)
    assert not any("true_labels" in sentence for sentence in sentences)


def test_many_that_could_not_compete_are_named_in_one_sentence(answer, tables):
    over_all = answer[answer["scope"] == "all"]
    absent = over_all.iloc[[0] * 5].assign(
        model=[f"variant_{i}" for i in range(5)],
        in_contest=False,
        best=False,
        reason="no score to compare on digits",
    )
    sentences = verdict_of(pd.concat([answer, absent]), tables, DATASETS)["sentences"]

    (said,) = [sentence for sentence in sentences if "not in this comparison" in sentence]
    assert said.startswith("6 variants have no score to compare on some of the data sets")
    assert all(f"variant_{i}" in said for i in range(5))


def test_rows_come_for_the_study_then_for_each_data_set_in_order(answer, tables):
    assert scopes(verdict_of(answer, tables, DATASETS)) == ["All data sets", *DATASETS]


def test_one_data_set_needs_no_row_for_all(answer, tables):
    assert scopes(verdict_of(answer, tables, ["blobs"])) == ["blobs"]


def test_a_study_without_contestants_says_that_there_is_no_answer(answer, tables):
    assert verdict_of(answer.assign(in_contest=False), tables, DATASETS) is None


def test_where_nobody_is_scored_on_every_data_set_the_best_of_each_is_shown(answer, tables):
    view = verdict_of(answer[answer["scope"] != "all"], tables, DATASETS)
    assert view["model"] is None
    assert "none is the best of all" in view["verdict"]
    assert scopes(view) == DATASETS


def test_a_best_model_that_is_told_apart_from_all_stands_alone(answer, tables):
    view = verdict_of(answer.assign(distinguishable=True), tables, DATASETS)
    assert view["verdict"].endswith("and it stands alone.")


def test_models_with_the_same_mean_share_the_first_place(answer, tables):
    competing = answer["in_contest"] & (answer["scope"] == "all")
    answer.loc[competing, ["mean", "low", "high"]] = 1.0
    answer.loc[competing & ~answer["best"], "distinguishable"] = False
    view = verdict_of(answer, tables, DATASETS)
    models = answer.loc[competing, "model"]
    assert view["verdict"].startswith("shares the highest mean ARI")
    assert set(view["table"].rows[0][1].text.split(" = ")) == set(models)
    assert view["table"].rows[0][3].text == "no other"


def test_a_missing_column_is_refused_by_name(answer, tables):
    with pytest.raises(ValueError, match="no column best"):
        verdict_of(answer.drop(columns="best"), tables, DATASETS)


def test_a_recipe_that_was_compared_by_the_labels_says_so(answer, tables):
    assert not any("recipe" in each for each in verdict_of(answer, tables, DATASETS)["sentences"])
    over_all = (answer["scope"] == "all") & answer["in_contest"]
    model = answer.loc[over_all, "model"].iloc[-1]
    answer.loc[over_all & (answer["model"] == model), "tuned_on"] = "digits"
    sentences = verdict_of(answer, tables, DATASETS)["sentences"]
    assert any(f"recipe of {model}" in each and "digits" in each for each in sentences)
