"""Collecting a study: one frame each, pairs that never ran included, the same bytes for the same
input.
"""

import shutil

import anndata
import pandas as pd
import pytest

from collect import main
from latentbench.files.tables import SCORES

BOTH = (
    "scores",
    "summary",
    "answer",
    "ranks",
    "tests",
    "choices",
    "criteria",
    "correlations",
    "status",
    "cost",
    "quality",
    "reliability",
)
NAMES = {**dict.fromkeys(BOTH, ("tsv", "parquet")), "history": ("parquet",)}
FILES = {
    "scores": "scores.tsv",
    "histories": "history.parquet",
    "statuses": "status.json",
    "quality": "quality.tsv",
    "reliability": "reliability.tsv",
}
RULE = {"seed": "held_out_loss", "model": "silhouette_of_clusters"}
NOT_APPLICABLE = [
    {
        "dataset": "digits",
        "model": "vae_nb",
        "reason": "likelihood 'nb' is a distribution of counts",
    }
]
KINDS = {"vae": "vae", "gmvae": "gmvae", "vae_nb": "vae", "true_labels": "true_labels"}


@pytest.fixture
def collect(study_files, evaluate):
    def run(folder, models=("gmvae", "vae"), not_applicable=NOT_APPLICABLE):
        for model in models:
            evaluate(study_files, model)
        inputs = {
            name: [study_files / model / file for model in models] for name, file in FILES.items()
        }
        outputs = {
            name: [folder / f"{name}.{suffix}" for suffix in suffixes]
            for name, suffixes in NAMES.items()
        }
        main(
            {**inputs, "consensus": [], "integration": []},
            outputs,
            not_applicable=not_applicable,
            kinds=KINDS,
            tuned_on={},
            circular=[],
            statistics={"n_bootstrap": 200},
            rule=RULE,
        )
        return folder

    return run


def test_every_table_is_written_and_both_formats_agree(tmp_path, collect):
    folder = collect(tmp_path / "tables")
    for name in BOTH:
        tsv = (
            SCORES.read(folder / "scores.tsv")
            if name == "scores"
            else pd.read_csv(folder / f"{name}.tsv", sep="\t", float_precision="round_trip")
        )
        parquet = pd.read_parquet(folder / f"{name}.parquet")
        assert list(tsv.columns) == list(parquet.columns)
        assert len(tsv) == len(parquet) > 0
    scores = pd.read_parquet(folder / "scores.parquet")
    pd.testing.assert_series_equal(
        SCORES.read(folder / "scores.tsv")["value"], scores["value"].astype(float)
    )


def test_a_pair_that_never_ran_is_in_scores_status_and_summary(tmp_path, collect):
    folder = collect(tmp_path / "tables")
    scores = SCORES.read(folder / "scores.tsv").query("model == 'vae_nb'")
    assert set(scores["status"]) == {"not_applicable"}
    assert scores["seed"].isna().all()
    assert set(scores["reason"]) == {NOT_APPLICABLE[0]["reason"]}
    status = pd.read_csv(folder / "status.tsv", sep="\t").query("model == 'vae_nb'").iloc[0]
    assert (status["dataset"], status["kind"], status["status"]) == (
        "digits",
        "vae",
        "not_applicable",
    )
    answer = pd.read_csv(folder / "answer.tsv", sep="\t").query("scope == 'digits'")
    assert not answer["in_contest"].any()
    assert answer["reason"].item() == NOT_APPLICABLE[0]["reason"]
    assert answer["n_failed"].item() == 0


def test_status_and_history_name_their_variant(tmp_path, collect):
    folder = collect(tmp_path / "tables", not_applicable=[])
    status = pd.read_parquet(folder / "status.parquet")
    assert status["model"].tolist() == ["gmvae"] * 2 + ["vae"] * 3
    assert status["status"].tolist() == ["ok", "ok", "ok", "ok", "diverged"]
    history = pd.read_parquet(folder / "history.parquet")
    assert set(history.columns) == {
        "dataset",
        "model",
        "replica",
        "epoch",
        "term",
        "split",
        "value",
    }
    assert history.query("model == 'vae' and replica == 1 and term == 'loss' and split == 'test'")[
        "value"
    ].tolist() == [6.0, 3.0]


def test_the_same_input_in_another_order_gives_the_same_bytes(tmp_path, collect):
    first, second = collect(tmp_path / "one"), collect(tmp_path / "two", models=("vae", "gmvae"))
    for path in sorted(first.iterdir()):
        assert path.read_bytes() == (second / path.name).read_bytes(), path.name


def test_a_broken_control_stops_the_run_before_any_table(
    tmp_path, study_files, collect, write_training
):
    obs = anndata.read_h5ad(study_files / "prepared.h5ad").obs
    embedding = anndata.read_h5ad(study_files / "gmvae" / "embedding.h5ad")
    wrong = embedding.obsm["cluster_probs_seed0"][::-1].copy()
    write_training(
        study_files / "true_labels",
        {0: (wrong, wrong)},
        obs,
        model="true_labels",
        kind="true_labels",
        saw_labels=True,
    )
    with pytest.raises(
        ValueError, match="groups, true_labels, seed 0, test cells: ARI of the true labels"
    ):
        collect(tmp_path / "tables", models=("true_labels",))
    assert not (tmp_path / "tables").exists()
    shutil.rmtree(study_files / "true_labels")
