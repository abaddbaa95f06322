"""The workflow as a module of somebody else's."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]

OUTER = """
configfile: "config.yaml"


module latentbench:
    snakefile:
        "{workflow}/Snakefile"
    config:
        config["latentbench"]


use rule * from latentbench as latentbench_*


rule all:
    default_target: True
    input:
        "mine.txt",


rule mine:
    input:
        rules.latentbench_preprocess.output.prepared.format(dataset="blobs"),
    output:
        "mine.txt",
    shell:
        "echo {{input}} > {{output}}"
"""


@pytest.fixture
def outer(tmp_path):
    """The folder of another workflow, which knows of this one only where it lies."""
    (tmp_path / "Snakefile").write_text(OUTER.format(workflow=ROOT))
    asked = {"datasets": ["blobs"], "models": ["pca", "vae"], "seeds": [0]}
    (tmp_path / "config.yaml").write_text(yaml.safe_dump({"latentbench": asked}))
    return tmp_path


def snakemake(folder, *arguments):
    return subprocess.run(
        [sys.executable, "-m", "snakemake", "--cores", "1", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )


def test_another_workflow_plans_the_whole_study_under_names_of_its_own(outer):
    run = snakemake(outer, "--dry-run", "results/report/index.html")
    assert run.returncode == 0, run.stderr
    counts = dict(re.findall(r"^latentbench_(\w+) +(\d+)$", run.stdout + run.stderr, re.MULTILINE))
    assert counts["train"] == "2"
    assert counts["write_report"] == "1"


def test_another_workflow_runs_a_rule_of_this_one_and_reads_what_it_made(outer):
    run = snakemake(outer, "--config", "other=5")
    assert run.returncode == 0, run.stderr
    assert (outer / "mine.txt").read_text() == "results/data/blobs/prepared.h5ad\n"


def test_a_mistake_in_the_modules_config_is_still_a_sentence(outer):
    config = outer / "config.yaml"
    config.write_text(config.read_text().replace("blobs", "blob"))
    run = snakemake(outer, "--dry-run", "results/report/index.html")
    assert run.returncode != 0
    assert "'blob' is not in" in run.stdout + run.stderr
    assert "Traceback" not in run.stdout + run.stderr
