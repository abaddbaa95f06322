"""The reference of every config key, written from the schemas, so that there is one place where a
key is described.
"""

import json
import sys
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

from latentbench.models import MODELS
from latentbench.study.models_schema import (
    hyperparameters_schema,
    task_schema,
    training_schema,
    variant_schema,
)

HEADER = """# Configuration

A study is three files: **config.yaml** says which data sets and which model variants over which
seeds, **datasets.tsv** holds one row a data set, **models.yaml** one entry a variant. A second
study is a second config.yaml: `snakemake --cores all --configfile my_study.yaml` (mappings are
merged into the default one, lists replace). Threads, memory, GPUs and executors are not here but
in profiles/.

Every key is checked before anything runs: a misspelt one is refused by name, with the nearest
valid key. `make validate` does just that.

Everything below is made by `make reference`: from config/schemas/, from the options of
latentbench/training/options.py and from the signatures of the models.
"""


def reference(schemas: Path) -> str:
    """Return the Markdown reference of all keys of the schemas in a folder."""
    loaded = {
        path.name.removesuffix(".schema.json"): json.loads(path.read_text(encoding="utf-8"))
        for path in schemas.glob("*.schema.json")
    }
    parts = [HEADER, "## config.yaml\n", _table(loaded["config"])]
    for name in ("preprocessing", "evaluation", "report"):
        parts += [f"### {name}\n", _table(loaded[name])]
    parts += [
        "## datasets.tsv\n",
        _table(loaded["datasets"]),
        "## models.yaml\n",
        "One entry a variant, by name:\n",
    ]
    variant = variant_schema(MODELS)
    parts += [
        _table(variant, below=("task", "training")),
        "### training\n",
        _table(training_schema()),
        "### task\n",
        _table(task_schema()),
    ]
    for name, kind in MODELS.items():
        parts += [
            f"### hyperparameters of kind `{name}`\n",
            _table(hyperparameters_schema(name, kind)) if kind.hyperparameters else "None.\n",
        ]
    return "\n".join(parts)


def _table(schema: Mapping[str, Any], *, below: Collection[str] = ()) -> str:
    """Return a table of the keys of a schema; those ``below`` have one of their own."""
    rows = [
        f"| `{key}` | {_values(entry)} | {entry.get('description', '')} |"
        for key, entry in _flat(schema, below=below)
    ]
    return "\n".join(["| key | values | meaning |", "| --- | --- | --- |", *rows]) + "\n"


def _flat(
    schema: Mapping[str, Any], prefix: str = "", *, below: Collection[str] = ()
) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for key, entry in schema["properties"].items():
        if "$ref" in entry or key in below:
            yield prefix + key, {"description": "see below", "type": "mapping"}
        elif "properties" in entry:
            yield from _flat(entry, f"{prefix}{key}.")
        else:
            yield prefix + key, entry


def _values(entry: Mapping[str, Any]) -> str:
    if "enum" in entry:
        values = ", ".join(f"`{value}`" for value in entry["enum"])
        return f"{values}; default `{entry['default']}`" if "default" in entry else values
    if "const" in entry:
        return f"`{entry['const']}`"
    if "anyOf" in entry:
        return " or ".join(_values(branch) for branch in entry["anyOf"])
    kind = entry.get("type", "any")
    described = " or ".join(kind) if isinstance(kind, list) else kind
    return (
        f"{described}, default `{json.dumps(entry['default'])}`"
        if "default" in entry
        else described
    )


if __name__ == "__main__":
    sys.stdout.write(reference(Path(sys.argv[1])))
