"""What docs/models.md shows as a variant is one, and trains."""

import json
import re
from pathlib import Path

import pytest
import yaml
from jsonschema import Draft202012Validator

from latentbench.outcomes import Outcome
from latentbench.training.fit import fit
from latentbench.training.replicas import build_replicas
from latentbench.training.tasks import observed_classes

ROOT = Path(__file__).parents[1]
VARIANTS = yaml.safe_load(
    re.search(
        r"```yaml\n(# Stop when.*?)```", (ROOT / "docs/models.md").read_text(), re.DOTALL
    ).group(1)
)


def test_the_examples_obey_the_schema():
    schema = json.loads((ROOT / "config/schemas/models.schema.json").read_text())
    assert [error.message for error in Draft202012Validator(schema).iter_errors(VARIANTS)] == []


@pytest.mark.parametrize("name", VARIANTS)
def test_an_example_trains(name, training_data):
    variant, data = VARIANTS[name], training_data("counts")
    options = {"n_clusters": 3} if variant["kind"] == "gmvae" else {}
    model = build_replicas(
        variant["kind"],
        data.n_vars,
        likelihood=variant["likelihood"],
        seeds=(0, 1),
        n_hidden=8,
        **options,
    )
    observed = observed_classes(
        data, seeds=(0, 1), n_clusters=options.get("n_clusters"), **variant.get("task", {})
    )
    fitted = fit(
        model,
        data,
        seeds=(0, 1),
        observed=observed,
        **{"epochs": 10, **variant["training"], "batch_size": 16},
    )
    assert [report.status for report in fitted.reports] == [Outcome.OK] * 2
