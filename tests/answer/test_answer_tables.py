import numpy as np
import pandas as pd
import pytest

from latentbench.answer.answer import find_groups
from latentbench.answer.answer_tables import answer_tables, cells_table
from latentbench.answer.members import given, members_of, together
from latentbench.files import tables
from latentbench.outcomes import Outcome, Unavailable


@pytest.fixture(scope="module")
def answer():
    rng = np.random.default_rng(0)
    groups = np.repeat([0, 1, 2], [120, 60, 30])
    codes = [rng.normal(size=(210, 4)) + 9 * np.eye(4)[groups] for _ in range(2)]
    parts = [members_of(z, variant=f"v{i}", seed=0) for i, z in enumerate(codes)]
    return find_groups(together([*parts, given(groups, variant="leiden")]))


def test_the_tables_say_what_the_answer_says(answer):
    pairs = pd.DataFrame(
        {"separability": [0.9, 0.9, 0.8], "p_value": [0.01] * 3, "told_apart": ["yes"] * 3}
    )
    found = answer_tables(
        answer, dataset="d", n_cells=210, n_clusters=None, pairs=pairs, markers=pd.Series(["CD3D"])
    )
    summary = found["answer_summary"].iloc[0]
    assert (summary["n_found"], summary["n_cells"], summary["status"]) == (3, 210, "ok")
    assert summary["certain_share"] > 0.9
    groups = found["answer_groups"]
    assert groups["cells"].tolist() == [120, 60, 30]
    assert groups["separability"].tolist() == [0.9, 0.9, 0.8]
    assert groups["markers"].tolist() == ["CD3D", "", ""]
    assert found["answer_models"]["chosen"].sum() == 1
    assert len(found["answer_agreement"]) == 9
    assert found["answer_tree"]["cells"].sum() == 210
    for name, frame in found.items():
        assert list(frame) == getattr(tables, name.upper()).columns


def test_every_cell_has_a_row(answer):
    cells = cells_table(answer, pd.Index([f"c{i}" for i in range(210)]))
    assert len(cells) == 210
    assert cells["group"].value_counts().tolist() == [120, 60, 30]


def test_where_there_is_no_answer_the_tables_say_why(tmp_path):
    gap = Unavailable(Outcome.NOT_APPLICABLE, "a consensus needs two clusterings")
    found = answer_tables(gap, dataset="d", n_cells=210, n_clusters=3)
    summary = found["answer_summary"].iloc[0]
    assert (summary["status"], summary["reason"]) == (str(gap.outcome), gap.reason)
    assert pd.isna(summary["n_found"])
    assert found["answer_groups"].empty
    tables.ANSWER_SUMMARY.write(found["answer_summary"], tmp_path / "s.tsv")
    assert tables.ANSWER_SUMMARY.read(tmp_path / "s.tsv")["n_declared"].tolist() == [3]
