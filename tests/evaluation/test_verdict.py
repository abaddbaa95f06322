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
    assert verdict(study(), allow_failures=False) == "all 1 replicas ended ok"


@pytest.mark.parametrize("outcome", FAILURES)
def test_every_failure_ends_the_run_with_its_reason_its_log_and_a_remedy(outcome):
    failed = study(("digits", "gmvae", "gmvae", 3, str(outcome), "why it did"))
    with pytest.raises(ValueError, match=r"1 of 2 replicas did not end ok") as told:
        verdict(failed, allow_failures=False)
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
        study(("digits", "gmvae", "gmvae", 3, "diverged", "why it did")), allow_failures=True
    )
    assert "which the config allows" in sentence
    assert "why it did" in sentence


def test_every_outcome_is_either_well_planned_or_a_failure():
    assert set(Outcome) == {Outcome.OK, Outcome.NOT_APPLICABLE, *FAILURES}
