import anndata as ad
import numpy as np
import pandas as pd
import pytest

from latentbench.prediction.protocol import (
    balanced_shift,
    held_out_types,
    questions_of,
    read_perturbation,
    shift_of_package,
)


def test_the_stimulated_cells_of_a_type_are_hidden_and_nothing_else(perturbation):
    cells = perturbation({"a": (20, 30), "b": (25, 15), "c": (40, 12)})
    questions, too_few = held_out_types(cells, min_cells=10)
    assert [question.cell_type for question in questions] == ["a", "b", "c"]
    assert too_few == {}
    for question in questions:
        hidden = np.setdiff1d(np.arange(len(cells.x)), question.train)
        np.testing.assert_array_equal(hidden, question.stimulated)
        assert (cells.cell_types.iloc[hidden] == question.cell_type).all()
        assert cells.is_stimulated[hidden].all()
        assert cells.is_control[question.controls].all()
        assert question.cell_type not in question.others


def test_a_type_with_too_few_cells_is_not_asked_about_and_its_reason_counts_them(perturbation):
    cells = perturbation({"a": (20, 30), "b": (25, 15), "rare": (40, 3)})
    questions, too_few = held_out_types(cells, min_cells=10)
    assert [question.others for question in questions] == [("b",), ("a",)]
    assert too_few == {
        "rare": "40 control and 3 stimulated cells; at least 10 of each are asked for"
    }


@pytest.mark.parametrize(("min_cells", "n_types"), [(100, 0), (22, 1)])
def test_where_fewer_than_two_types_have_cells_enough_nothing_is_asked_and_all_rows_say_why(
    perturbation, min_cells, n_types
):
    cells = perturbation({"a": (25, 30), "b": (25, 15), "rare": (40, 3)})
    questions, too_few = questions_of(cells, hidden=["nothing", "cell_type"], min_cells=min_cells)
    assert questions == []
    assert set(too_few) == {"a", "b", "rare", "all cells"}
    sentence = (
        f"{n_types} cell types have {min_cells} cells under both conditions, and 2 are needed;"
        " lower min_cells"
    )
    assert too_few["all cells"] == sentence
    assert (too_few["a"] == sentence) == (n_types == 1)


def test_every_type_weighs_the_same_in_the_shift_however_many_cells_it_has(perturbation, effect):
    cells = perturbation({"a": (20, 20), "many": (400, 30), "few": (11, 300)}, noise=0.01)
    cells.x[cells.is_stimulated & (cells.cell_types == "few").to_numpy()] += 1.0
    question = held_out_types(cells, min_cells=10)[0][0]
    np.testing.assert_allclose(balanced_shift(cells.x, cells, question), effect + 0.5, atol=0.02)
    # Without the weights the types' own centres would leak into it.
    plain = cells.x[cells.is_stimulated].mean(0) - cells.x[cells.is_control].mean(0)
    assert np.abs(plain - effect - 0.5).max() > 0.2


def test_the_shift_is_what_resampling_every_type_to_one_size_gives_on_average(perturbation):
    cells = perturbation({"a": (30, 30), "b": (15, 60), "c": (80, 20)}, noise=1.0)
    question = held_out_types(cells, min_cells=10)[0][0]
    rng, shifts = np.random.default_rng(0), []
    for _ in range(300):
        drawn = [[rng.choice(each, 80) for each in cells.cells(other)] for other in question.others]
        controls, stimulated = (np.concatenate(each) for each in zip(*drawn, strict=True))
        shifts.append(cells.x[stimulated].mean(0) - cells.x[controls].mean(0))
    np.testing.assert_allclose(
        balanced_shift(cells.x, cells, question), np.mean(shifts, axis=0), atol=0.03
    )


def test_the_shift_of_the_package_counts_the_control_cells_of_the_hidden_type(perturbation):
    """Resampling all training cells of each condition, type by type, to one size."""
    cells = perturbation({"a": (30, 30), "b": (15, 60), "c": (80, 20)}, noise=1.0)
    rng = np.random.default_rng(0)
    question = held_out_types(cells, min_cells=10)[0][0]
    means = []
    for is_of in (cells.is_stimulated, cells.is_control):
        groups = [
            np.intersect1d(
                np.flatnonzero(is_of & (cells.cell_types == each).to_numpy()), question.train
            )
            for each in (*question.others, question.cell_type)
        ]
        drawn = [rng.choice(group, 4000) for group in groups if len(group)]
        means.append(cells.x[np.concatenate(drawn)].mean(0))
    np.testing.assert_allclose(
        shift_of_package(cells.x, cells, question), means[0] - means[1], atol=0.1
    )


def test_conditions_that_are_not_there_are_refused_by_name(tmp_path):
    obs = pd.DataFrame(
        {"split": "train", "label": "a", "condition": ["ctrl", "stim"] * 3},
        index=[str(i) for i in range(6)],
    )
    x = np.ones((6, 3), np.float32)
    var = pd.DataFrame({"highly_variable": True}, index=list("xyz"))
    ad.AnnData(x, obs=obs, var=var, obsm={"X_pca": x}).write_h5ad(tmp_path / "prepared.h5ad")
    assert (
        read_perturbation(
            tmp_path / "prepared.h5ad", control="ctrl", stimulated="stim"
        ).is_control.tolist()
        == [True, False] * 3
    )
    misspelt = read_perturbation(tmp_path / "prepared.h5ad", control="control", stimulated="stim")
    questions, reasons = questions_of(misspelt, hidden=["cell_type"], min_cells=1)
    assert questions == []
    assert reasons["all cells"] == (
        "no cell has condition control; there are: ctrl, stim. Mend config key predictions"
    )


def test_with_nothing_hidden_every_cell_is_trained_on_and_all_types_and_all_cells_are_asked_about(
    perturbation, effect
):
    cells = perturbation({"a": (20, 30), "b": (25, 15), "rare": (40, 3)}, noise=0.01)
    seen, too_few = questions_of(cells, hidden=["nothing"], min_cells=10)
    assert [question.cell_type for question in seen] == ["all cells", "a", "b"]
    assert "rare" in too_few
    for question in seen:
        assert len(question.train) == len(cells.x)
        assert question.others == ("a", "b")
        np.testing.assert_allclose(balanced_shift(cells.x, cells, question), effect, atol=0.02)
    assert len(seen[0].controls) == 20 + 25 + 40
    both, _ = questions_of(cells, hidden=["nothing", "cell_type"], min_cells=10)
    assert [question.hidden for question in both] == ["cell_type"] * 2 + ["nothing"] * 3
