"""The JSON schema of a models sheet, made when it is asked for: training and task from their
dataclasses, hyperparameters from the source of each kind. Nothing of it is written twice.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from latentbench.models import DATA_MODALITIES, MODELS
from latentbench.models.kinds import Kind
from latentbench.study.applicability import FITTING_MODALITIES
from latentbench.study.options import schema_of_options
from latentbench.training import options

COVARIATES = ("batch", "condition", "donor")
TRANSFER = {"properties": {"mode": {"const": "transfer"}}, "required": ["mode"]}
GUIDE_ON = {
    "description": "where mode guided looks for groups: pca, or the codes of another variant, which"
    " is then trained first, seed by seed",
    "anyOf": [
        {"type": "string", "description": "pca, or the name of a variant"},
        {
            "type": "object",
            "additionalProperties": False,
            "minProperties": 1,
            "properties": {
                modality: {"type": "string", "description": f"for {modality} data"}
                for modality in DATA_MODALITIES
            },
            "description": "by the modality of the data set; pca where left out",
        },
    ],
}


def models_schema(own: Iterable[str] = ()) -> dict[str, Any]:
    """Return the schema of a models sheet; ``own`` are the kinds of it that are files of the
    user's own.

    Raises:
        ValueError: such a file cannot be read, or has no such class.
    """
    kinds = {**MODELS, **{named: MODELS[named] for named in own}}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Model variants by name",
        "type": "object",
        "minProperties": 1,
        "propertyNames": {
            "pattern": "^[A-Za-z][A-Za-z0-9_-]*$",
            "description": "a name of letters, digits, - and _",
        },
        "additionalProperties": _variant(kinds),
    }


def training_schema() -> dict[str, Any]:
    """Return the schema of ``training``; a phase must have a name."""
    training = schema_of_options(options.TrainingOptions)
    training["properties"]["phases"]["items"]["required"] = ["name"]
    training["properties"]["early_stopping"].pop("default", None)
    return training | {"description": "how it is trained"}


def task_schema() -> dict[str, Any]:
    """Return the schema of ``task``: some keys are of mode transfer alone, the others not of it."""
    task = schema_of_options(options.TaskOptions)
    task["properties"]["guide_on"] = GUIDE_ON
    task["properties"]["pretrain_on"]["type"] = "string"
    others = [key for key in task["properties"] if key not in (*options.OF_TRANSFER, "mode")]
    return task | {
        "description": "which classes a training is shown",
        "if": TRANSFER,
        "then": {"required": ["pretrain_on"], "properties": _refused(others, "to mode transfer")},
        "else": {"properties": _refused(options.OF_TRANSFER, "to any mode but transfer")},
    }


def hyperparameters_schema(name: str, kind: Kind) -> dict[str, Any]:
    """Return the schema of the hyperparameters of a kind."""
    return {
        "type": "object",
        "additionalProperties": False,
        "properties": kind.hyperparameters,
        **({"required": kind.required} if kind.required else {}),
        "description": f"hyperparameters of kind {name}",
    }


def variant_schema(kinds: Mapping[str, Kind]) -> dict[str, Any]:
    """Return the schema of the keys of a variant, whatever its kind."""
    likelihood = {"enum": list(FITTING_MODALITIES), "description": "p(x | z)"}
    return {
        "type": "object",
        "additionalProperties": False,
        "properties": {
            "kind": {
                "enum": list(kinds),
                "description": "the model or reference, or path/to/file.py:Class",
            },
            "likelihood": {
                "anyOf": [
                    {"type": "string", **likelihood},
                    {
                        "type": "object",
                        "additionalProperties": False,
                        "minProperties": 1,
                        "properties": {
                            modality: likelihood | {"description": f"p(x | z) on {modality} data"}
                            for modality in DATA_MODALITIES
                        },
                        "description": "p(x | z) by the modality of the data set",
                    },
                ],
                "description": "p(x | z): one name, or one for each modality",
            },
            "hyperparameters": {"type": "object", "description": "keyword arguments of the kind"},
            "task": task_schema(),
            "training": training_schema(),
            "covariates": {
                "type": "array",
                "items": {"enum": list(COVARIATES)},
                "minItems": 1,
                "uniqueItems": True,
                "description": "obs columns that the model is conditioned on",
            },
            "tuned_on": {
                "type": "array",
                "items": {"type": "string"},
                "minItems": 1,
                "uniqueItems": True,
                "description": "data sets on whose labels this variant, or its guide, was compared"
                " with others before it was kept; left out: on none",
            },
        },
        "required": ["kind"],
        "description": "one variant",
    }


def _variant(kinds: Mapping[str, Kind]) -> dict[str, Any]:
    return variant_schema(kinds) | {
        "allOf": [
            {
                "if": {"properties": {"kind": {"const": name}}, "required": ["kind"]},
                "then": _of_kind(name, kind),
            }
            for name, kind in kinds.items()
        ]
    }


def _of_kind(name: str, kind: Kind) -> dict[str, Any]:
    """Return what a variant of a kind must say, and what it cannot."""
    refused = [] if kind.is_network else ["likelihood", "task", "training"]
    refused += ["task"] if kind.is_network and not kind.takes_tasks else []
    refused += ["covariates"] if kind.covariates == "none" else []
    required = ["likelihood"] if kind.is_network else []
    required += ["covariates"] if kind.covariates == "required" else []
    required += ["hyperparameters"] if kind.required else []
    return {
        "properties": {
            "hyperparameters": hyperparameters_schema(name, kind),
            **{key: {"not": {}} for key in refused},
        },
        "required": required,
    }


def _refused(keys: Iterable[str], why: str) -> dict[str, Any]:
    return {key: {"not": {}, "description": why} for key in keys}
