import pandas as pd
import pytest

from latentbench.report.answer import answer_view


@pytest.fixture
def answer(study_folder):
    return pd.read_parquet(study_folder / "tables" / "answer.parquet")


DATASETS = ["pbmc68k_reduced", "digits", "blobs"]


def test_the_verdict_names_the_best_model_its_interval_and_its_ties(answer, tables):
    view = answer_view(answer, tables, DATASETS)
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
    assert "3 data sets: too few" in answer_view(answer, tables, DATASETS)["note"]


def test_whoever_could_not_compete_is_named_with_the_reason(answer, tables):
    sentences = answer_view(answer, tables, DATASETS)["sentences"]
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
    sentences = answer_view(pd.concat([answer, absent]), tables, DATASETS)["sentences"]

    (said,) = [sentence for sentence in sentences if "not in this comparison" in sentence]
    assert said.startswith("6 variants have no score to compare on some of the data sets")
    assert all(f"variant_{i}" in said for i in range(5))


def test_rows_come_for_the_study_then_for_each_data_set_in_order(answer, tables):
    assert [row["scope"] for row in answer_view(answer, tables, DATASETS)["rows"]] == [
        "All data sets",
        *DATASETS,
    ]


def test_one_data_set_needs_no_row_for_all(answer, tables):
    assert [row["scope"] for row in answer_view(answer, tables, ["blobs"])["rows"]] == ["blobs"]


def test_a_study_without_contestants_says_that_there_is_no_answer(answer, tables):
    view = answer_view(answer.assign(in_contest=False), tables, DATASETS)
    assert view["model"] is None
    assert "no answer" in view["verdict"]
    assert view["rows"] == []


def test_a_best_model_that_is_told_apart_from_all_stands_alone(answer, tables):
    view = answer_view(answer.assign(distinguishable=True), tables, DATASETS)
    assert view["verdict"].endswith("and it stands alone.")


def test_models_with_the_same_mean_share_the_first_place(answer, tables):
    competing = answer["in_contest"] & (answer["scope"] == "all")
    answer.loc[competing, ["mean", "low", "high"]] = 1.0
    answer.loc[competing & ~answer["best"], "distinguishable"] = False
    view = answer_view(answer, tables, DATASETS)
    models = answer.loc[competing, "model"]
    assert view["verdict"].startswith("shares the highest mean ARI")
    assert set(view["rows"][0]["model"].split(" = ")) == set(models)
    assert view["rows"][0]["others"] == "no other"


def test_a_missing_column_is_refused_by_name(answer, tables):
    with pytest.raises(ValueError, match="no column best"):
        answer_view(answer.drop(columns="best"), tables, DATASETS)
