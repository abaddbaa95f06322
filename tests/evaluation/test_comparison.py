"""Comparing two simulated studies: what is shifted is found, what is noise is not."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import ttest_1samp, ttest_ind

from latentbench.commands.compare import main
from latentbench.evaluation.bootstrap import p_value
from latentbench.evaluation.comparison import Verdict, compare, counts, differs
from latentbench.files.artefacts import write_table
from latentbench.files.tables import SCORES

MODELS = {"pca": 0.0, "vae": 0.02, "gmvae": 0.05}
METRICS = ("ari", "nmi", "acc")


def study(seed, *, n_seeds=5, models=MODELS, datasets=("a", "b")):
    """Scores whose noise over seeds has the standard deviation of ``models``; a model without noise
    is the same for every seed of every study.
    """
    rng = np.random.default_rng(seed)
    rows = [
        (
            dataset,
            model,
            replica,
            split,
            "kmeans",
            metric,
            0.5 + rng.normal(scale=noise) if noise else 0.6,
            "ok",
            "",
            False,
            True,
        )
        for dataset in datasets
        for model, noise in models.items()
        for replica in range(n_seeds)
        for split in ("train", "test")
        for metric in METRICS
    ]
    return pd.DataFrame(rows, columns=SCORES.columns).astype({"seed": "Int64"})


def shifted(scores, model, by, dataset="a"):
    return scores.assign(
        value=scores["value"] + by * ((scores["model"] == model) & (scores["dataset"] == dataset))
    )


@pytest.fixture
def folders(tmp_path):
    """A factory: scores -> a results folder that holds them."""
    made = []

    def make(scores):
        folder = tmp_path / f"results{len(made)}"
        made.append(folder)
        write_table(scores, folder / "tables/scores.tsv")
        return str(folder)

    return make


def test_a_shift_beyond_noise_is_found_and_nothing_else(folders, capsys):
    first = study(0, n_seeds=8)
    noise = 0.005 * (-1.0) ** first["seed"].astype(int) * (first["model"] != "pca")
    status = main(
        [
            folders(first),
            folders(shifted(first, "vae", 0.2).assign(value=lambda frame: frame["value"] + noise)),
        ]
    )
    assert status == 1
    told = capsys.readouterr().out
    assert "6 beyond seed noise, 18 within seed noise, 12 identical" in told
    assert told.count("a, vae, ") == 6
    assert "Something differs beyond seed noise." in told


def test_a_shift_within_noise_is_none(folders, capsys):
    assert main([folders(study(0)), folders(shifted(study(1), "vae", 0.005))]) == 0
    assert "Nothing that both have differs beyond seed noise." in capsys.readouterr().out


def test_identical_files_are_said_to_be(folders, capsys):
    assert main([folders(study(0)), folders(study(0))]) == 0
    assert "identical byte for byte" in capsys.readouterr().out


def test_the_same_rows_in_another_order_are_identical_rows(folders, tmp_path):
    output = tmp_path / "out.tsv"
    assert (
        main(
            [
                folders(study(0)),
                folders(study(0).sample(frac=1, random_state=0)),
                "--output",
                str(output),
            ]
        )
        == 0
    )
    assert set(pd.read_csv(output, sep="\t")["verdict"]) == {"identical"}


@pytest.mark.parametrize("paired", [True, False])
def test_under_the_null_a_comparison_finds_anything_no_more_often_than_one_time_in_twenty(paired):
    n_studies, found, uncorrected = 120, 0, []
    for seed in range(n_studies):
        second = study(10_000 + seed)
        second["seed"] += 0 if paired else 100
        frame = compare(study(seed), second)
        found += int(differs(frame))
        uncorrected.append((frame["p_value"] <= 0.05).sum() / frame["p_value"].notna().sum())
        assert set(frame.loc[frame["p_value"].notna(), "test"]) == {
            "paired t" if paired else "Welch"
        }
    # Three standard errors above the nominal rates.
    assert found / n_studies <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / n_studies)
    assert 0.02 < np.mean(uncorrected) < 0.06


def values_of(scores, row):
    keys = ["dataset", "model", "split", "metric"]
    return scores.merge(row.to_frame().T[keys], on=keys).sort_values("seed")["value"].to_numpy()


def test_the_paired_test_is_students_and_that_of_the_bootstrap_with_one_data_set():
    first, second = study(0, models={"vae": 0.02}), study(1, models={"vae": 0.02})
    for _, row in compare(first, second).iterrows():
        difference = values_of(second, row) - values_of(first, row)
        assert row["p_value"] == pytest.approx(ttest_1samp(difference, 0.0).pvalue)
        assert row["p_value"] == pytest.approx(p_value([difference], 50_000), rel=0.05)


def test_the_unpaired_test_is_welchs():
    first, second = (
        study(0, models={"vae": 0.02}),
        study(1, models={"vae": 0.2}, n_seeds=7).assign(seed=lambda frame: frame["seed"] + 100),
    )
    for _, row in compare(first, second).iterrows():
        assert row["p_value"] == pytest.approx(
            ttest_ind(values_of(first, row), values_of(second, row), equal_var=False).pvalue
        )


def test_a_model_that_is_the_same_for_every_seed_has_changed_if_it_changes_at_all():
    frame = compare(study(0), shifted(study(0), "pca", -1e-4))
    changed = frame[frame["verdict"] == Verdict.BEYOND_NOISE]
    assert set(zip(changed["dataset"], changed["model"], strict=True)) == {("a", "pca")}
    assert set(changed["test"]) == {"the same for every seed"}
    assert not differs(compare(study(0), shifted(study(0), "pca", 1e-12))), "rounding is no change"


@pytest.mark.parametrize("n_seeds", [1, 2])
def test_too_few_seeds_to_tell_are_said_and_not_counted(n_seeds, folders, capsys):
    first = study(0, n_seeds=n_seeds, models={"pca": 0.0})
    assert main([folders(first), folders(shifted(first, "pca", 0.1))]) == 0
    assert "Too few seeds for a test:" in capsys.readouterr().out


def test_a_replica_that_fails_is_told_once_and_is_a_difference(folders, capsys):
    second = study(0)
    lost = (second["model"] == "vae") & (second["seed"] == 3) & (second["dataset"] == "b")
    second.loc[lost, ["value", "status", "reason"]] = [np.nan, "diverged", "not finite"]
    assert main([folders(study(0)), folders(second)]) == 1
    told = capsys.readouterr().out
    assert "vae on b, seed 3: ok -> diverged (6 rows)" in told
    assert "0 beyond" not in told


def test_rows_and_seeds_that_only_one_study_has_are_named_and_are_no_noise(folders, capsys):
    first = study(0, models={"pca": 0.0, "vae": 0.02})
    second = study(0, models={"pca": 0.0, "vae": 0.02}, datasets=("a",)).query("seed < 4")
    assert main([folders(first), folders(second)]) == 0
    told = capsys.readouterr().out
    assert "Only in A:\n  pca on b (6 rows)" in told
    assert "vae on a: 4 (6 rows)" in told
    assert counts(compare(first, second))["only_in_a"] == 12
    assert counts(compare(second, first))["only_in_b"] == 12


def test_variants_that_never_ran_have_no_seed_and_no_value():
    first = study(0, models={"vae": 0.02})
    never = first[:1].assign(
        seed=pd.array([pd.NA], dtype="Int64"), model="vae_nb", value=np.nan, status="not_applicable"
    )
    frame = compare(pd.concat([first, never]), pd.concat([first, never]))
    assert set(frame["verdict"]) == {"identical"}
    ran = never.assign(status="failed")
    changed = compare(pd.concat([first, never]), pd.concat([first, ran])).iloc[0]
    assert (changed["verdict"], changed["statuses"]) == ("no_value", "not_applicable -> failed")


def test_the_table_is_worst_first_and_round_trips(folders, tmp_path):
    first = study(0, n_seeds=8)
    output = tmp_path / "comparison.tsv"
    assert (
        main(
            [
                folders(first),
                folders(shifted(shifted(study(1, n_seeds=8), "vae", 0.3), "gmvae", 0.3)),
                "--output",
                str(output),
            ]
        )
        == 1
    )
    table = pd.read_csv(output, sep="\t")
    assert table["verdict"].iloc[0] == "beyond_noise"
    beyond = table[table["verdict"] == "beyond_noise"]
    assert beyond["p_holm"].is_monotonic_increasing
    assert (table.loc[len(beyond) :, "verdict"] != "beyond_noise").all()


def test_bad_input_is_refused_with_a_sentence(folders, tmp_path, capsys):
    good = folders(study(0))
    (tmp_path / "empty").mkdir()
    for name, text in {
        "short.tsv": "dataset\tmodel\na\tb\n",
        "broken.tsv": "dataset\tmodel\tseed\tvalue\na\tb\t0\tmany\n",
        "none.tsv": "",
    }.items():
        (tmp_path / name).write_text(text)
    twice = folders(pd.concat([study(0), study(0)[:1]]))
    cases = {
        tmp_path / "empty": "no such file",
        tmp_path / "short.tsv": "no column",
        tmp_path / "broken.tsv": "cannot be read",
        tmp_path / "none.tsv": "cannot be read",
    }
    for bad, sentence in {**cases, twice: "is there twice"}.items():
        assert main([good, str(bad)]) == 2
        assert sentence in capsys.readouterr().err
    assert main([good, good, "--output", "table.xlsx"]) == 2
    assert main([good, folders(study(0, datasets=("elsewhere",)))]) == 2
    assert "no row in common" in capsys.readouterr().err


def test_what_was_read_is_what_was_written(folders):
    folder = folders(study(0))
    pd.testing.assert_series_equal(
        SCORES.read(f"{folder}/tables/scores.tsv")["value"], study(0)["value"]
    )
