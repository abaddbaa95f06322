"""How a study ended: well, well enough, or not."""

import pandas as pd
import pytest

from latentbench.evaluation.verdict import FAILURES, verdict
from latentbench.outcomes import Outcome

COLUMNS = ["dataset", "model", "kind", "seed", "status", "reason"]


def study(*last):
    rows = [
        ("digits", "vae", "vae", 0, "ok", ""),
        ("digits", "consensus", "consensus", 0, "degenerate", "no"),
        ("digits", "vae_nb", "vae", None, "not_applicable", "no counts"),
        *last,
    ]
    return pd.DataFrame(rows, columns=COLUMNS).astype({"seed": "Int64"})


def test_what_does_not_apply_is_no_failure():
    assert verdict(study(), refused={}, allow_failures=False) == "all 1 replicas ended ok"


@pytest.mark.parametrize("outcome", FAILURES)
def test_every_failure_ends_the_run_with_its_reason_its_log_and_a_remedy(outcome):
    failed = study(("digits", "gmvae", "gmvae", 3, str(outcome), "why it did"))
    with pytest.raises(ValueError, match=r"1 of 2 replicas did not end ok") as told:
        verdict(failed, refused={}, allow_failures=False)
    for part in (
        "seed 3",
        str(outcome),
        "why it did",
        "results/logs/train/digits/gmvae.log",
        "allow_failures: true",
        "--forcerun results/models/digits/gmvae",
    ):
        assert part in str(told.value)


def test_the_config_may_allow_them():
    sentence = verdict(
        study(("digits", "gmvae", "gmvae", 3, "diverged", "why it did")),
        refused={},
        allow_failures=True,
    )
    assert "which the config allows" in sentence
    assert "why it did" in sentence


REFUSED = {"mine": "mine.h5ad: cut off"}


def test_a_refused_data_set_is_missing_whatever_else_ended_well():
    with pytest.raises(ValueError, match="data sets that could not be used: 1:") as told:
        verdict(study(), refused=REFUSED, allow_failures=False)
    for part in ("data set mine: mine.h5ad: cut off", "the report are written", "run the same"):
        assert part in str(told.value)
    assert "replicas" not in str(told.value)
    allowed = verdict(study(), refused=REFUSED, allow_failures=True)
    assert "which the config allows; data set mine: mine.h5ad: cut off" in allowed


def test_what_was_refused_and_what_failed_are_told_together():
    failed = study(("digits", "gmvae", "gmvae", 3, "diverged", "why it did"))
    with pytest.raises(ValueError, match="could not be used: 1; 1 of 2 replicas") as told:
        verdict(failed, refused=REFUSED, allow_failures=False)
    assert "mine.h5ad: cut off" in str(told.value)
    assert "--forcerun" in str(told.value)


def test_every_outcome_is_either_well_planned_or_a_failure():
    assert set(Outcome) == {Outcome.OK, Outcome.NOT_APPLICABLE, *FAILURES}
