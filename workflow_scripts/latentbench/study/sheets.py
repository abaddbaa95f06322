"""Reading the config's files and sheets, and checking them against their schemas: a mistake is a
``ValueError`` that names the file, the key and the remedy.

Only light imports: Snakemake reads this at every start.
"""

import csv
import json
import math
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import jsonschema
import yaml
from referencing import Registry, Resource

from latentbench.study.spelling import nearest

NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?")
WHOLE_NUMBER = re.compile(r"\d+(\.0*)?")
LISTS_IN_SHEET = ("sources", "sha256")


class _StrictLoader(yaml.SafeLoader):
    """Refuses a key that is written twice, which YAML forbids and the plain loader passes over in
    silence.
    """

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict:
        seen: set[Any] = set()
        for key, _ in node.value:
            name = self.construct_object(key, deep=True)
            if name in seen:
                raise yaml.MarkedYAMLError(
                    problem=f"the key '{name}' is written more than once",
                    problem_mark=key.start_mark,
                )
            seen.add(name)
        return super().construct_mapping(node, deep)


def read_yaml(path: Path) -> dict[str, Any]:
    """Read a YAML mapping; a mistake in it is a ValueError with its line."""
    try:
        value = yaml.load(
            path.read_text(encoding="utf-8"), Loader=_StrictLoader
        )  # a safe loader that is stricter still
    except UnicodeDecodeError as mistake:
        raise ValueError(
            f"{path}: not UTF-8 text ({mistake.reason} at byte {mistake.start}); save it as UTF-8"
        ) from None
    except yaml.reader.ReaderError as mistake:
        raise ValueError(
            f"{path}: character #x{mistake.character:04x} at {mistake.position}: {mistake.reason}"
        ) from None
    except yaml.MarkedYAMLError as mistake:
        line = f", line {mistake.problem_mark.line + 1}" if mistake.problem_mark else ""
        raise ValueError(
            f"{path}{line}: {mistake.problem}; mind indentation (spaces, no tabs) and colons"
        ) from None
    if not isinstance(value or {}, dict):
        raise ValueError(f"{path}: holds a {type(value).__name__}, not a mapping of keys to values")
    return value or {}


def numbers_of(value: Any) -> Any:
    """Return a value of the command line with its numbers made numbers again: inside lists and
    mappings they arrive there as text.
    """
    if isinstance(value, dict):
        return {key: numbers_of(entry) for key, entry in value.items()}
    if isinstance(value, list):
        return [numbers_of(entry) for entry in value]
    is_number = isinstance(value, str) and NUMBER.fullmatch(value)
    return yaml.safe_load(value) if is_number else value


def read_sheet(path: Path, schemas: Path) -> dict[str, dict[str, Any]]:
    """Read the data sheet: blank cells become None, ``sources`` and ``sha256`` lists,
    ``n_clusters`` an integer; rows by data set name.
    """
    try:
        with open(path, encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file, delimiter="\t")
            table, columns = list(reader), reader.fieldnames or []
    except UnicodeDecodeError as mistake:
        raise ValueError(
            f"{path}: not UTF-8 text ({mistake.reason} at byte {mistake.start}); save it as UTF-8,"
            " separated by tabs"
        ) from None
    except csv.Error as mistake:
        raise ValueError(
            f"{path}, line {reader.line_num + 1}: {mistake}; save it as text separated by tabs"
        ) from None
    if len(columns) < 2:
        raise ValueError(
            f"{path}, line 1: no tab in the header; columns are separated by tabs, not by spaces or"
            " commas"
        )
    schema = json.loads((schemas / "datasets.schema.json").read_text(encoding="utf-8"))
    rows: dict[str, dict[str, Any]] = {}
    for line, cells in enumerate(table, start=2):
        where = f"{path}, line {line}"
        if None in cells or None in cells.values():
            raise ValueError(
                f"{where}: {'more' if None in cells else 'fewer'} cells than the header's"
                f" {len(columns)} columns; are all separators tabs?"
            )
        _refuse_misspelt_columns(cells, schema, where)
        row = {key: _parse_cell(key, cells.get(key, "").strip()) for key in schema["properties"]}
        check(row, schemas / "datasets.schema.json", where)
        if row["dataset"] in rows:
            raise ValueError(
                f"{where}: data set '{row['dataset']}' is named twice; give each row its own name"
            )
        rows[row["dataset"]] = row
    return rows


def check(instance: Any, schema_path: Path, named: str) -> None:
    """Raise a ValueError that lists every violation of the schema, each with its place, the value
    and the nearest valid key.
    """
    schemas = {
        path.name: json.loads(path.read_text(encoding="utf-8"))
        for path in sorted(schema_path.parent.glob("*.schema.json"))
    }
    registry = Registry().with_resources(
        [(name, Resource.from_contents(schema)) for name, schema in schemas.items()]
    )
    _refuse(instance, schemas[schema_path.name], named, registry)


def check_variants(variants: Any, schema: Mapping[str, Any], named: str) -> None:
    """Raise a ValueError as ``check`` does, of a models sheet."""
    _refuse(variants, schema, named, Registry())


def _refuse(instance: Any, schema: Mapping[str, Any], named: str, registry: Registry) -> None:
    validator = jsonschema.Draft202012Validator(schema, registry=registry)
    mistakes = [
        f"{named}: {_place(error)}{_sentence(error)}"
        for error in _leaves(validator.iter_errors(instance))
    ]
    mistakes += [f"{named}: {mistake}" for mistake in _beyond_schemas(instance)]
    if mistakes:
        raise ValueError("\n".join(dict.fromkeys(mistakes)))


def _leaves(errors) -> Iterator[jsonschema.ValidationError]:
    for error in sorted(errors, key=lambda error: [str(part) for part in error.absolute_path]):
        if error.validator in ("anyOf", "oneOf") and error.context:
            # The branch of the value's own type says more than "fits none of these".
            other_types = {
                leaf.schema_path[0]
                for leaf in error.context
                if leaf.validator == "type" and not leaf.path
            }
            yield from [
                leaf for leaf in error.context if leaf.schema_path[0] not in other_types
            ] or [error]
        else:
            yield error


def _beyond_schemas(value: Any, place: str = "") -> Iterator[str]:
    """Yield what no schema can say: a bound lets nan pass, and a pattern a line break at the
    end.
    """
    if isinstance(value, dict):
        for key, entry in value.items():
            if not str(key).isprintable():
                yield (
                    f"{place}{str(key)!r}: a name with a line break or a control character; leave"
                    " that out"
                )
            yield from _beyond_schemas(entry, f"{place}{key}: ")
    elif isinstance(value, list):
        for number, entry in enumerate(value):
            yield from _beyond_schemas(entry, f"{place}{number}: ")
    elif isinstance(value, float) and not math.isfinite(value):
        yield f"{place}{value} is not a finite number"


def _place(error: jsonschema.ValidationError) -> str:
    return "".join(f"{part}: " for part in error.absolute_path)


def _sentence(error: jsonschema.ValidationError) -> str:
    described = (
        f" ({error.schema['description']})"
        if isinstance(error.schema, dict) and "description" in error.schema
        else ""
    )
    if error.validator == "additionalProperties":
        known = sorted(error.schema.get("properties", {}))
        unknown = sorted(str(key) for key in error.instance if key not in known)
        valid = f"; valid keys: {', '.join(known)}" if known else "; no keys are allowed here"
        return "\n  ".join(f"unknown key '{key}'{nearest(key, known)}{valid}" for key in unknown)
    if error.validator == "enum":
        known = ", ".join(map(str, error.validator_value))
        meant = nearest(error.instance, error.validator_value)
        return f"'{error.instance}' is not one of {known}{meant}{described}"
    if error.validator == "required":
        missing = [key for key in error.validator_value if key not in error.instance]
        return (
            f"missing key{'s' if len(missing) > 1 else ''}"
            f" {', '.join(repr(key) for key in missing)}"
        )
    if error.validator == "not":
        return (
            f"this key does not apply {error.schema.get('description', 'to this kind')}; leave"
            " it out"
        )
    return f"{error.message}{described}"


def _refuse_misspelt_columns(
    cells: Mapping[str, str], schema: Mapping[str, Any], where: str
) -> None:
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
