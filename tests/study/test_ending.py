"""What is told when a run stopped, and when the study goes on without a data set."""

import json
import sys
from pathlib import Path

import pytest

from latentbench.logs import Failure
from latentbench.study.ending import (
    EARLIER,
    MEND,
    STOPPED,
    account_of,
    command_without,
    refused_datasets,
)

LOGS = Path("results/logs")
BROKEN = Failure(LOGS / "download/mine.log", "mine.h5ad: cut off", is_refusal=True)
VERDICT = Failure(LOGS / "verdict.log", "1 of 2 replicas did not end ok", is_refusal=True)
EMPTY = Failure(LOGS / "preprocess/other.log", "other: every cell is empty", is_refusal=True)


def test_the_study_goes_on_without_data_that_was_refused():
    assert refused_datasets([BROKEN, EMPTY]) == {
        "mine": "mine.h5ad: cut off",
        "other": "other: every cell is empty",
    }


@pytest.mark.parametrize(
    "other",
    [
        Failure(LOGS / "download/mine.log", "KeyError", is_refusal=False),
        Failure(LOGS / "train/blobs/vae.log", "a bug", is_refusal=False),
        VERDICT,
    ],
)
def test_anything_else_that_failed_has_to_be_mended_first(other):
    assert refused_datasets([BROKEN, other]) == {}


def test_nothing_is_refused_where_nothing_failed():
    assert refused_datasets([]) == {}


def test_a_remedy_is_named_where_a_failure_is_and_else_how_to_go_on():
    assert account_of([BROKEN], goes_on_without=[]).endswith(f"{MEND}\n{EARLIER}")
    assert account_of([VERDICT], goes_on_without=[]).endswith(MEND)
    assert account_of([], goes_on_without=[]) == STOPPED
    both = account_of([BROKEN, EMPTY], goes_on_without=["mine", "other"])
    assert "FAILED: mine.h5ad: cut off (log: results/logs/download/mine.log)" in both
    assert "goes on without mine and other" in both
    assert "Mend" not in both


def test_the_command_that_goes_on_is_this_one_with_what_was_refused_in_its_config():
    words = ["--cores", "2", "--config", "scale=small", "--configfile", "my.yaml"]
    command = command_without({"mine": "cut off: 'x'"}, words, {"scale": "small"})
    assert command[:3] == [sys.executable, "-m", "snakemake"]
    assert command[3 : 3 + len(words)] == words
    given = command[command.index("--nolock") + 1 :]
    assert given[:2] == ["--config", "scale=small"]
    assert json.loads(given[2].removeprefix("refused=")) == {"mine": "cut off: 'x'"}
