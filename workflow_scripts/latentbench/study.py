"""A study: which data sets times which model variants, read from the config and its two sheets and checked before anything runs.

Only light imports: Snakemake reads this at every start. Every mistake is a ``ValueError`` that names the file, the key and the nearest valid key.
"""

import csv
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import jsonschema
import yaml
from referencing import Registry, Resource

from latentbench.applicability import CONSENSUS, CONTROL_KINDS, likelihood_of, number_of_clusters, obstacle, sees_labels
from latentbench.models import MODELS
from latentbench.prediction.requests import obstacle_to_prediction

NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?")
WHOLE_NUMBER = re.compile(r"\d+(\.0*)?")
LISTS_IN_SHEET = ("sources", "sha256")


@dataclass(frozen=True)
class Study:
    """A validated study: rows and variants by name, and what runs.

    ``cells`` are the (dataset, model) pairs that are trained; ``not_applicable`` the pairs that the config asks for and that cannot be, each with its reason.
    """

    config: dict[str, Any]
    rows: dict[str, dict[str, Any]]
    variants: dict[str, dict[str, Any]]
    cells: list[tuple[str, str]] = field(default_factory=list)
    not_applicable: list[dict[str, str]] = field(default_factory=list)

    @property
    def datasets(self) -> list[str]:
        """Names of the data sets of the study, in the config's order."""
        return list(self.config["datasets"])

    @property
    def prepared_datasets(self) -> list[str]:
        """Names of the data sets that are prepared: those of the study, and those that a variant of it is pretrained on."""
        return list(dict.fromkeys([*self.datasets, *filter(None, map(self.pretrained_on, self.models))]))

    @property
    def models(self) -> list[str]:
        """Names of the model variants of the study, in the config's order."""
        return list(self.config["models"])

    @property
    def seeds(self) -> list[int]:
        """The seeds, one replica each."""
        return list(self.config["seeds"])

    @property
    def predictions(self) -> dict[str, dict[str, Any]]:
        """What is asked of each data set on which stimulated cells are predicted."""
        return {request["dataset"]: request for request in self.config.get("predictions", [])}

    def row(self, dataset: str) -> dict[str, Any]:
        """Return the sheet's row of a data set."""
        return self.rows[dataset]

    def pretrained_on(self, model: str) -> str | None:
        """Return the data set that task mode transfer trains a variant on first; None for any other mode."""
        return self.variants[model].get("task", {}).get("pretrain_on")

    @property
    def trained_models(self) -> list[str]:
        """Names of the variants that are trained: those of the study, and those whose codes guide one of them, and theirs."""
        names = list(self.models)
        for model in names:  # grows while it is gone through
            names += [guide for dataset in self.datasets if (guide := self.guide_of(model, dataset)) and guide not in names]
        return names

    def members_of_consensus(self, dataset: str) -> list[str]:
        """Return the variants whose clusters of a data set may agree on something: no control, and none that sees labels."""
        models = [model for name, model in self.cells if name == dataset]
        return [model for model in models if self.variants[model]["kind"] not in CONTROL_KINDS and not sees_labels(self.variants[model])]

    def guide_of(self, model: str, dataset: str) -> str | None:
        """Return the variant in whose codes task mode guided looks for groups; None for the principal components, and for any other mode."""
        task = self.variants[model].get("task", {})
        guide = task.get("guide_on", "pca") if task.get("mode") == "guided" else "pca"
        guide = guide if isinstance(guide, str) else guide.get(self.rows[dataset]["modality"], "pca")
        return None if guide == "pca" else guide

    def variant(self, model: str, dataset: str) -> dict[str, Any]:
        """Return a variant as it is trained on a data set: likelihood resolved by modality, number of clusters filled in from the sheet.

        A variant that is pretrained on another data set has clusters enough for either.
        """
        entry, row = self.variants[model], self.rows[dataset]
        kind = MODELS[entry["kind"]]
        hyperparameters = dict(entry.get("hyperparameters", {}))
        if "n_clusters" in kind.needs:
            hyperparameters.setdefault("n_clusters", number_of_clusters(entry, row, self.source_row(model)))
        return {
            "kind": entry["kind"],
            "likelihood": likelihood_of(entry, row["modality"]) if kind.is_network else None,
            "hyperparameters": hyperparameters,
            "covariates": [column for column in entry.get("covariates", []) if row[column] is not None],
            "task": {key: value for key, value in entry.get("task", {}).items() if key != "guide_on"},
            "training": dict(entry.get("training", {})),
        }

    def source_row(self, model: str) -> dict[str, Any] | None:
        """Return the sheet's row of the data set that a variant is pretrained on."""
        source = self.pretrained_on(model)
        return self.rows[source] if source else None


def load_study(config: Mapping[str, Any], *, named: str, schemas: Path, folders: list[Path]) -> Study:
    """Check ``config`` and the sheets that it names and return the study.

    ``named`` is how messages call the config (its files), ``schemas`` the folder of JSON schemas, ``folders`` where relative paths are looked for, in order.

    Raises:
        ValueError: the first file with mistakes, all of its mistakes listed.
    """
    check(config, schemas / "config.schema.json", named)
    sheets = {name: find_file(path, folders, named) for name, path in config["sheets"].items()}
    rows = read_sheet(sheets["datasets"], schemas)
    variants = read_yaml(sheets["models"])
    check(variants, schemas / "models.schema.json", str(sheets["models"]))
    if CONSENSUS in variants:
        raise ValueError(f"{sheets['models']}: {CONSENSUS}: that is the name of what all variants agree on; give the variant another")
    study = Study(dict(config), rows, variants)
    _check_names(study.datasets, rows, named, "datasets", sheets["datasets"])
    _check_names(study.models, variants, named, "models", sheets["models"])
    for model in filter(study.pretrained_on, study.models):
        _check_names([study.pretrained_on(model)], rows, str(sheets["models"]), f"{model}: task: pretrain_on", sheets["datasets"])
    for model in study.models:
        _check_guides(study, model, sheets["models"])
    _check_predictions(study, named, sheets)
    for dataset in dict.fromkeys([*study.prepared_datasets, *study.predictions]):
        _check_local_sources(rows[dataset], config.get("mirror"), sheets["datasets"])
    for dataset in study.datasets:
        for model in study.models:
            reason = obstacle(variants[model], rows[dataset], study.source_row(model)) or _obstacle_of_guide(study, model, dataset)
            if reason is None:
                study.cells.append((dataset, model))
            else:
                study.not_applicable.append({"dataset": dataset, "model": model, "reason": reason})
    if not study.cells:
        raise ValueError(f"{named}: none of the models fits any of the data sets: {study.not_applicable[0]['reason']}")
    return study


def _check_guides(study: Study, model: str, sheet: Path) -> None:
    """Refuse a guide that is no variant, and variants that guide each other."""
    for dataset in study.datasets:
        followed = [model]
        while guide := study.guide_of(followed[-1], dataset):
            _check_names([guide], study.variants, str(sheet), f"{followed[-1]}: task: guide_on", sheet)
            if guide in followed:
                raise ValueError(f"{sheet}: {model}: task: guide_on: {' is guided by '.join([*followed, guide])}; one of them must be guided by 'pca'")
            followed.append(guide)


def _obstacle_of_guide(study: Study, model: str, dataset: str) -> str | None:
    guide = study.guide_of(model, dataset)
    if guide is None:
        return None
    if sees_labels(study.variants[guide]):
        return f"it is guided by {guide}, which sees labels"
    reason = obstacle(study.variants[guide], study.rows[dataset], study.source_row(guide)) or _obstacle_of_guide(study, guide, dataset)
    return f"it is guided by {guide}: {reason}" if reason else None


def find_file(path: str, folders: list[Path], named: str) -> Path:
    """Return the first of ``folders`` that holds ``path``; the working directory comes before the workflow's own folder."""
    for folder in folders:
        if (folder / path).is_file():
            return folder / path
    raise ValueError(f"{named}: sheets: no file '{path}' in {' or '.join(str(folder) for folder in folders)}")


class _StrictLoader(yaml.SafeLoader):
    """Refuses a key that is written twice, which YAML forbids and the plain loader passes over in silence."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict:
        seen: set[Any] = set()
        for key, _ in node.value:
            name = self.construct_object(key, deep=True)
            if name in seen:
                raise yaml.MarkedYAMLError(problem=f"the key '{name}' is written more than once", problem_mark=key.start_mark)
            seen.add(name)
        return super().construct_mapping(node, deep)


def read_yaml(path: Path) -> dict[str, Any]:
    """Read a YAML mapping; a mistake in it is a ValueError with its line."""
    try:
        value = yaml.load(path.read_text(encoding="utf-8"), Loader=_StrictLoader)  # a safe loader that is stricter still
    except yaml.MarkedYAMLError as mistake:
        line = f", line {mistake.problem_mark.line + 1}" if mistake.problem_mark else ""
        raise ValueError(f"{path}{line}: {mistake.problem}; mind indentation (spaces, no tabs) and colons") from None
    if not isinstance(value or {}, dict):
        raise ValueError(f"{path}: holds a {type(value).__name__}, not a mapping of keys to values")
    return value or {}


def numbers_of(value: Any) -> Any:
    """Return a value of the command line with its numbers made numbers again: inside lists and mappings they arrive there as text."""
    if isinstance(value, dict):
        return {key: numbers_of(entry) for key, entry in value.items()}
    if isinstance(value, list):
        return [numbers_of(entry) for entry in value]
    is_number = isinstance(value, str) and NUMBER.fullmatch(value)
    return yaml.safe_load(value) if is_number else value


def read_sheet(path: Path, schemas: Path) -> dict[str, dict[str, Any]]:
    """Read the data sheet: blank cells become None, ``sources`` and ``sha256`` lists, ``n_clusters`` an integer; rows by data set name."""
    with open(path, encoding="utf-8-sig", newline="") as file:
        reader = csv.DictReader(file, delimiter="\t")
        table = list(reader)
    if len(reader.fieldnames or []) < 2:
        raise ValueError(f"{path}, line 1: no tab in the header; columns are separated by tabs, not by spaces or commas")
    schema = json.loads((schemas / "datasets.schema.json").read_text(encoding="utf-8"))
    rows: dict[str, dict[str, Any]] = {}
    for line, cells in enumerate(table, start=2):
        where = f"{path}, line {line}"
        if None in cells or None in cells.values():
            raise ValueError(
                f"{where}: {'more' if None in cells else 'fewer'} cells than the header's {len(reader.fieldnames)} columns; are all separators tabs?"
            )
        _refuse_misspelt_columns(cells, schema, where)
        row = {key: _parse_cell(key, cells.get(key, "").strip()) for key in schema["properties"]}
        check(row, schemas / "datasets.schema.json", where)
        if row["dataset"] in rows:
            raise ValueError(f"{where}: data set '{row['dataset']}' is named twice; give each row its own name")
        rows[row["dataset"]] = row
    return rows


def check(instance: Any, schema_path: Path, named: str) -> None:
    """Raise a ValueError that lists every violation of the schema, each with its place, the value and the nearest valid key."""
    schemas = {path.name: json.loads(path.read_text(encoding="utf-8")) for path in sorted(schema_path.parent.glob("*.schema.json"))}
    registry = Registry().with_resources([(name, Resource.from_contents(schema)) for name, schema in schemas.items()])
    validator = jsonschema.Draft202012Validator(schemas[schema_path.name], registry=registry)
    mistakes = [f"{named}: {_place(error)}{_sentence(error)}" for error in _leaves(validator.iter_errors(instance))]
    if mistakes:
        raise ValueError("\n".join(dict.fromkeys(mistakes)))


def nearest(word: str, words: list[str]) -> str:
    """Return ``"; did you mean 'x'?"`` for the most similar word, or nothing."""
    close = get_close_matches(str(word), [str(known) for known in words], n=1, cutoff=0.5)
    return f"; did you mean '{close[0]}'?" if close else ""


def _leaves(errors) -> Iterator[jsonschema.ValidationError]:
    for error in sorted(errors, key=lambda error: [str(part) for part in error.absolute_path]):
        if error.validator in ("anyOf", "oneOf") and error.context:
            # The branch of the value's own type says more than "fits none of these".
            other_types = {leaf.schema_path[0] for leaf in error.context if leaf.validator == "type" and not leaf.path}
            yield from [leaf for leaf in error.context if leaf.schema_path[0] not in other_types] or [error]
        else:
            yield error


def _place(error: jsonschema.ValidationError) -> str:
    return "".join(f"{part}: " for part in error.absolute_path)


def _sentence(error: jsonschema.ValidationError) -> str:
    described = f" ({error.schema['description']})" if isinstance(error.schema, dict) and "description" in error.schema else ""
    if error.validator == "additionalProperties":
        known = sorted(error.schema.get("properties", {}))
        unknown = sorted(str(key) for key in error.instance if key not in known)
        valid = f"; valid keys: {', '.join(known)}" if known else "; no keys are allowed here"
        return "\n  ".join(f"unknown key '{key}'{nearest(key, known)}{valid}" for key in unknown)
    if error.validator == "enum":
        return f"'{error.instance}' is not one of {', '.join(map(str, error.validator_value))}{nearest(error.instance, error.validator_value)}{described}"
    if error.validator == "required":
        missing = [key for key in error.validator_value if key not in error.instance]
        return f"missing key{'s' if len(missing) > 1 else ''} {', '.join(repr(key) for key in missing)}"
    if error.validator == "not":
        return f"this key does not apply {error.schema.get('description', 'to this kind')}; leave it out"
    return f"{error.message}{described}"


def _check_names(names: list[str], known: Mapping[str, Any], named: str, key: str, sheet: Path) -> None:
    for name in names:
        if name not in known:
            raise ValueError(f"{named}: {key}: '{name}' is not in {sheet}{nearest(name, list(known))}; known: {', '.join(known)}")


def _check_predictions(study: Study, named: str, sheets: Mapping[str, Path]) -> None:
    asked = [request["dataset"] for request in study.config.get("predictions", [])]
    _check_names(asked, study.rows, named, "predictions: dataset", sheets["datasets"])
    if len(asked) > len(study.predictions):
        raise ValueError(f"{named}: predictions: a data set is named twice; give all its models in one entry")
    for dataset, request in study.predictions.items():
        _check_names(request["models"], study.variants, named, "predictions: models", sheets["models"])
        for model in request["models"]:
            entry, row = study.variants[model], study.rows[dataset]
            if reason := obstacle_to_prediction(entry, row) or obstacle(entry, row, None):
                raise ValueError(f"{named}: predictions: {model} on {dataset}: {reason}")


def _refuse_misspelt_columns(cells: Mapping[str, str], schema: Mapping[str, Any], where: str) -> None:
    known = list(schema["properties"])
    for column in cells:
        absent = [name for name in known if name not in cells]
        if column not in known and (hint := nearest(column, absent)):
            raise ValueError(f"{where}: unknown column '{column}'{hint}")


def _parse_cell(key: str, text: str) -> Any:
    if key in LISTS_IN_SHEET:
        return text.split()
    if not text:
        return None
    # Spreadsheets write whole numbers as 4.0.
    return int(float(text)) if key == "n_clusters" and WHOLE_NUMBER.fullmatch(text) else text


def _check_local_sources(row: Mapping[str, Any], mirror: str | None, sheet: Path) -> None:
    """Refuse at once what can be known at once: files that are not there, and tables that do not say which way they lie."""
    local = [source for source in row["sources"] if ":" not in source]
    if local == row["sources"] and mirror is None and not any(Path(source).exists() for source in local):
        raise ValueError(f"{sheet}: {row['dataset']}: no such file: {', '.join(local)}; paths are looked for in the working directory, {Path.cwd()}")
    tables = [source for source in local if source.removesuffix(".gz").endswith((".csv", ".tsv"))]
    if tables and row["orientation"] is None:
        raise ValueError(f"{sheet}: {row['dataset']}: {tables[0]} needs an orientation: cells_by_genes (a line is a cell) or genes_by_cells")
