"""The schema of the config's evaluation section and the functions that take it are one."""

import inspect
import json
from pathlib import Path

import pytest

from latentbench.evaluation.clusterings import CLUSTERINGS
from latentbench.evaluation.criteria import cluster_variant
from latentbench.evaluation.criterion_agreement import criterion_agreement
from latentbench.evaluation.dataset_scores import score_dataset
from latentbench.evaluation.rank_tables import rank_table
from latentbench.evaluation.selection import CRITERIA, evidence
from latentbench.evaluation.statistics import answer, summarise

SCHEMA = json.loads(
    (Path(__file__).parents[2] / "config" / "schemas" / "evaluation.schema.json").read_text()
)["properties"]


def options(function, *, known=()):
    found = {
        name: p.default
        for name, p in inspect.signature(function).parameters.items()
        if p.kind is p.KEYWORD_ONLY and name not in known
    }
    return {
        name: list(default) if isinstance(default, tuple) else default
        for name, default in found.items()
    }


TAKEN_BY = {
    "clustering": [cluster_variant],
    "scoring": [score_dataset],
    "statistics": [summarise, answer, rank_table, evidence, criterion_agreement],
}


@pytest.mark.parametrize(
    ("section", "function"),
    [(section, function) for section, functions in TAKEN_BY.items() for function in functions],
)
def test_schema_keys_and_defaults_are_those_of_the_signature(section, function):
    described = {key: entry["default"] for key, entry in SCHEMA[section]["properties"].items()}
    assert described == options(function, known=("n_clusters", "tuned_on", "circular"))


def test_every_clustering_but_own_can_be_asked_for():
    assert set(SCHEMA["clustering"]["properties"]["clusterings"]["items"]["enum"]) == set(
        CLUSTERINGS
    ) - {"own"}


def test_every_criterion_can_choose_a_seed_and_those_that_compare_models_a_model():
    levels = SCHEMA["selection"]["properties"]
    assert levels["seed"]["enum"] == list(CRITERIA)
    assert levels["model"]["enum"] == [
        name for name, criterion in CRITERIA.items() if criterion.between_models
    ]
