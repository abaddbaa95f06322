"""A variant that is trained on another data set first: that one is prepared for it, and nothing
else is made of it.
"""

import json
import re

import pytest

MODELS = """
pca: {kind: pca}
shuffled_labels: {kind: shuffled_labels}
true_labels: {kind: true_labels}
moved:
  kind: gmvae
  likelihood: gaussian
  task: {mode: transfer, pretrain_on: others, finetune: true}
  training: {epochs: 1, log_every: 1}
"""
STATUS = "results/models/blobs/moved/status.json"


@pytest.fixture
def workspace(fresh_workspace):
    """The tiny study on the blobs, with one variant that was trained on a second sample of the kind
    before.
    """
    folder = fresh_workspace.folder
    header, *rows = (fresh_workspace.workflow / "config/datasets.tsv").read_text().splitlines()
    blobs = next(row for row in rows if row.startswith("blobs\t"))
    (folder / "two.tsv").write_text(
        "\n".join([header, blobs, blobs.replace("blobs\t", "others\t", 1)]) + "\n"
    )
    text = (
        (folder / "tiny.yaml")
        .read_text()
        .replace("quick_vae, quick_gmvae", "moved")
        .replace("config/datasets.tsv", "two.tsv")
    )
    (folder / "tiny.yaml").write_text(
        re.sub(r"predictions:\n(?: .*\n)+", "predictions: []\n", text)
    )
    (folder / "tiny_models.yaml").write_text(MODELS)
    return fresh_workspace


def test_the_other_data_set_is_prepared_and_not_scored(workspace):
    jobs = workspace.jobs()
    assert {job for job in jobs if "others" in job} == {"get others", "prepare others"}
    assert {"train moved on blobs", "cluster moved on blobs"} <= jobs
    assert {"get others", "prepare others", "train moved on blobs"} <= workspace.jobs(STATUS)
    assert "get others" not in workspace.jobs("results/models/blobs/pca/status.json")


def test_it_is_trained_on_both_and_says_that_it_saw_labels(workspace):
    run = workspace.snakemake(STATUS)
    assert run.returncode == 0, run.stderr
    status = json.loads((workspace.folder / STATUS).read_text())
    assert status["saw_labels"]
    assert [(replica["status"], replica["epochs"]) for replica in status["replicas"]] == [
        ("ok", 2),
        ("ok", 2),
    ]
    assert (
        "transfer: first on 2400 cells of others with their labels"
        in (workspace.folder / "results/logs/train/blobs/moved.log").read_text()
    )
