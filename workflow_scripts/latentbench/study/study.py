"""A study: which data sets times which model variants, read from the config and its two sheets and
checked before anything runs.

Only light imports: Snakemake reads this at every start. Every mistake is a ``ValueError`` that
names the file, the key and the nearest valid key."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from latentbench.data.places import local_path
from latentbench.models import MODELS
from latentbench.prediction.requests import CELL_TYPE, obstacle_to_prediction
from latentbench.study.applicability import (
    CONSENSUS,
    CONTROL_KINDS,
    is_bounded,
    likelihood_of,
    number_of_clusters,
    obstacle,
    sees_labels,
)
from latentbench.study.models_schema import models_schema
from latentbench.study.own_data import GIVEN, own_row, ready_variants
from latentbench.study.sheets import check, check_variants, read_sheet, read_yaml
from latentbench.study.spelling import nearest


@dataclass(frozen=True)
class Study:
    """A validated study: its sheets, their rows and variants by name, and what runs.

    ``cells`` are the (dataset, model) pairs that are trained; ``not_applicable`` the pairs that the
    config asks for and that cannot be, each with its reason; ``refused`` the data sets that were
    refused and that the study goes on without, each with its reason."""

    config: dict[str, Any]
    sheets: dict[str, Path]
    rows: dict[str, dict[str, Any]]
    variants: dict[str, dict[str, Any]]
    cells: list[tuple[str, str]] = field(default_factory=list)
    not_applicable: list[dict[str, str]] = field(default_factory=list)

    @cached_property
    def refused(self) -> dict[str, str]:
        """Data set -> why it was refused: those of the config's key ``refused``, and those that are
        kept to the genes of one of them.
        """
        named = dict(self.config.get("refused", {}))
        return named | {
            name: f"its genes are those of {other}, which was refused: {named[other]}"
            for name, row in self.rows.items()
            if name not in named and (other := row["genes_of"]) in named
        }

    @property
    def experiments(self) -> list[dict[str, Any]]:
        """Further products of data sets and models: name, datasets, models."""
        return list(self.config.get("experiments", []))

    @cached_property
    def asked(self) -> dict[str, list[str]]:
        """What the config asks for: data set -> model variants, those of ``datasets`` x ``models``
        and of every experiment, each once.
        """
        products = [self.config, *self.experiments]
        models: dict[str, list[str]] = {
            dataset: [] for product in products for dataset in product["datasets"]
        }
        for product in products:
            for dataset in product["datasets"]:
                models[dataset] += [
                    model for model in product["models"] if model not in models[dataset]
                ]
        return models

    @property
    def datasets(self) -> list[str]:
        """Names of the data sets of the study that were not refused, in the config's order."""
        return [name for name in self.asked if name not in self.refused]

    @property
    def prepared_datasets(self) -> list[str]:
        """Names of the data sets that are prepared: those of the study, those that a variant of it
        is pretrained on, and those whose genes one is kept to.
        """
        names = [
            *self.datasets,
            *filter(None, map(self.pretrained_on, self.models)),
            *self.predictions,
        ]
        names += filter(None, [self.rows[name]["genes_of"] for name in names])
        return [name for name in dict.fromkeys(names) if name not in self.refused]

    @property
    def models(self) -> list[str]:
        """Names of the model variants of the study, in the config's order."""
        return list(dict.fromkeys(model for models in self.asked.values() for model in models))

    @property
    def seeds(self) -> list[int]:
        """The seeds, one replica each."""
        return list(self.config["seeds"])

    @property
    def chapters(self) -> dict[str, dict[str, Any]]:
        """The chapters that are written from the results, by name: title and data sets."""
        return {
            chapter["name"]: {
                **chapter,
                "datasets": [name for name in chapter["datasets"] if name not in self.refused],
            }
            for chapter in self.config.get("chapters", [])
        }

    @property
    def predictions(self) -> dict[str, dict[str, Any]]:
        """What is asked of each data set on which stimulated cells are predicted."""
        return {
            request["dataset"]: {"hidden": [CELL_TYPE], **request}
            for request in self.config.get("predictions", [])
            if request["dataset"] not in self.refused
        }

    def row(self, dataset: str) -> dict[str, Any]:
        """Return the sheet's row of a data set."""
        return self.rows[dataset]

    def kind_of(self, model: str) -> str:
        """Return the kind of a variant."""
        return self.variants[model]["kind"]

    def models_on(self, dataset: str) -> list[str]:
        """Return the variants that run on a data set."""
        return [model for name, model in self.cells if name == dataset]

    def pretrained_on(self, model: str) -> str | None:
        """Return the data set that task mode transfer trains a variant on first; None for any other
        mode.
        """
        return self.variants[model].get("task", {}).get("pretrain_on")

    @cached_property
    def trained_cells(self) -> list[tuple[str, str]]:
        """The (dataset, model) pairs that are trained: ``cells``, and those whose codes guide one
        of them, and theirs.
        """
        cells = list(self.cells)
        for dataset, model in cells:  # grows while it is gone through
            guide = self.guide_of(model, dataset)
            if guide and (dataset, guide) not in cells:
                cells.append((dataset, guide))
        return cells

    @property
    def known_models(self) -> list[str]:
        """Names of all variants that the study has anything to do with: those of the config, those
        whose codes guide one, and those that predict and need not be among the compared.
        """
        predicting = [model for each in self.predictions.values() for model in each["models"]]
        guides = [model for _, model in self.trained_cells]
        return list(dict.fromkeys([*self.models, *guides, *predicting]))

    def members_of_consensus(self, dataset: str) -> list[str]:
        """Return the variants whose clusters of a data set may agree on something: no control, and
        none that sees labels.
        """
        return [
            model
            for model in self.models_on(dataset)
            if self.variants[model]["kind"] not in CONTROL_KINDS
            and not sees_labels(self.variants[model])
        ]

    def guide_of(self, model: str, dataset: str) -> str | None:
        """Return the variant in whose codes task mode guided looks for groups; None for the
        principal components, and for any other mode.
        """
        task = self.variants[model].get("task", {})
        guide = task.get("guide_on", "pca") if task.get("mode") == "guided" else "pca"
        guide = (
            guide if isinstance(guide, str) else guide.get(self.rows[dataset]["modality"], "pca")
        )
        return None if guide == "pca" else guide

    def variant(self, model: str, dataset: str) -> dict[str, Any]:
        """Return a variant as it is trained on a data set: likelihood resolved by modality, number
        of clusters filled in from the sheet.

        A variant that is pretrained on another data set has clusters enough for either.
        """
        entry, row = self.variants[model], self.rows[dataset]
        kind = MODELS[entry["kind"]]
        hyperparameters = dict(entry.get("hyperparameters", {}))
        if "n_clusters" in kind.needs:
            hyperparameters.setdefault(
                "n_clusters", number_of_clusters(entry, row, self.source_row(model))
            )
        return {
            "kind": entry["kind"],
            "likelihood": likelihood_of(entry, row["modality"]) if kind.is_network else None,
            "hyperparameters": hyperparameters,
            "covariates": [
                column for column in entry.get("covariates", []) if row[column] is not None
            ],
            "task": {
                key: value for key, value in entry.get("task", {}).items() if key != "guide_on"
            },
            "training": dict(entry.get("training", {})),
        }

    def is_bounded(self, model: str, dataset: str) -> bool:
        """Return whether a variant needs a number of clusters that nobody declared, and is given an
        upper bound.
        """
        return is_bounded(self.variants[model], self.rows[dataset], self.source_row(model))

    def source_row(self, model: str) -> dict[str, Any] | None:
        """Return the sheet's row of the data set that a variant is pretrained on."""
        source = self.pretrained_on(model)
        return self.rows[source] if source else None


def load_study(
    config: Mapping[str, Any], *, named: str, schemas: Path, folders: list[Path]
) -> Study:
    """Check ``config``, at the scale that it asks for, and the sheets that it names, and return the
    study.

    ``named`` is how messages call the config (its files), ``schemas`` the folder of JSON schemas,
    ``folders`` where relative paths are looked for, in order.

    Raises:
        ValueError: the first file with mistakes, all of its mistakes listed.
    """
    config = scaled(config, named=named)
    check(config, schemas / "config.schema.json", named)
    sheets = {
        name: find_file(path, folders, named)
        for name, path in config["sheets"].items()
        if path is not None
    }
    rows = read_sheet(sheets["datasets"], schemas)
    if config.get("data"):
        config, rows = _of_own_data(config, rows, schemas)
    variants = read_variants(sheets["models"], folders)
    if _ready(config):
        config, variants = _with_ready_variants(config, variants, named)
    if CONSENSUS in variants:
        raise ValueError(
            f"{sheets['models']}: {CONSENSUS}: that is the name of what all variants agree on; give"
            " the variant another"
        )
    study = Study(dict(config), sheets, rows, variants)
    _check_products(study, named, sheets)
    for model in filter(study.pretrained_on, study.models):
        _check_names(
            [study.pretrained_on(model)],
            rows,
            str(sheets["models"]),
            f"{model}: task: pretrain_on",
            sheets["datasets"],
        )
    for model in study.models:
        _check_guides(study, model, sheets["models"])
    _check_predictions(study, named, sheets)
    _check_chapters(study, named)
    _check_names(list(config.get("refused", {})), rows, named, "refused", sheets["datasets"])
    _check_names(
        list(config["report"].get("explorer", {}).get("genes", {})),
        rows,
        named,
        "report: explorer: genes",
        sheets["datasets"],
    )
    for dataset in study.prepared_datasets:
        _check_genes_of(rows, dataset, sheets["datasets"])
        is_own = config.get("data") and rows[dataset]["sources"] == [config["data"]]
        _check_local_sources(
            rows[dataset], config.get("mirror"), named if is_own else sheets["datasets"]
        )
    for dataset, models in study.asked.items():
        for model in models:
            reason = (
                _refusal(study, model, dataset)
                or obstacle(variants[model], rows[dataset], study.source_row(model))
                or _obstacle_of_guide(study, model, dataset)
            )
            if reason is None:
                study.cells.append((dataset, model))
            else:
                study.not_applicable.append({"dataset": dataset, "model": model, "reason": reason})
    if not study.cells:
        raise ValueError(
            f"{named}: none of the models fits any of the data sets:"
            f" {study.not_applicable[0]['reason']}"
        )
    return study


def read_variants(sheet: Path, folders: Sequence[Path]) -> dict[str, dict[str, Any]]:
    """Return the variants of a models sheet, checked. A kind that is a file of the user's own is
    looked for beside the sheet, then in ``folders``, and named by where it was found.

    Raises:
        ValueError: all mistakes of the sheet, or the first file that is no kind.
    """
    variants = read_yaml(sheet)
    own: set[str] = set()
    for name, entry in variants.items() if isinstance(variants, dict) else ():
        kind = entry.get("kind") if isinstance(entry, dict) else None
        if isinstance(kind, str) and ".py" in kind:
            try:
                entry["kind"] = _place_of_kind(kind, [sheet.parent, *folders])
                own.add(entry["kind"])
                MODELS[entry["kind"]]
            except ValueError as mistake:
                raise ValueError(f"{sheet}: {name}: kind: {mistake}") from None
    check_variants(variants, models_schema(sorted(own)), str(sheet))
    return variants


def _place_of_kind(named: str, folders: Sequence[Path]) -> str:
    """Return ``file.py:Class`` with the file's path as the jobs see it: from the working directory
    if it lies in it.
    """
    path, colon, name = named.rpartition(":")
    if not (colon and path.endswith(".py")):
        raise ValueError(f"'{named}': write path/to/file.py:Class")
    found = next((folder / path for folder in folders if (folder / path).is_file()), None)
    if found is None:
        places = " or ".join(dict.fromkeys(str(folder) for folder in folders))
        raise ValueError(f"no file '{path}' in {places}")
    found, here = found.resolve(), Path.cwd()
    return f"{found.relative_to(here) if found.is_relative_to(here) else found}:{name}"


def _of_own_data(
    config: Mapping[str, Any], rows: Mapping[str, dict[str, Any]], schemas: Path
) -> tuple[dict[str, Any], dict[str, dict[str, Any]]]:
    """Return config and rows of a study of the data that the config names, which no row names."""
    given = {key: config.get(key) for key in GIVEN}
    columns = next(iter(rows.values())).keys()
    row = own_row(
        config["data"],
        given,
        columns=columns,
        taken=rows,
        is_filtered=bool(_ready(config)),
    )
    check(row, schemas / "datasets.schema.json", f"data={config['data']}")
    return {**config, "datasets": [row["dataset"]], "experiments": []}, {
        **rows,
        row["dataset"]: row,
    }


def _ready(config: Mapping[str, Any]) -> dict[str, list[str]]:
    """Return the codes and clusterings that the data have already: those that the config names."""
    named = {key: list(config.get(key) or []) for key in ("embeddings", "clusterings")}
    return named if any(named.values()) else {}


def _with_ready_variants(
    config: Mapping[str, Any], variants: Mapping[str, Any], named: str
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return config and models sheet with a variant for every code and clustering that the data
    have already.
    """
    if not config.get("data"):
        raise ValueError(
            f"{named}: embeddings and clusterings are those of data: name the file, --config"
            " data=path/to/my.h5ad; for a row of the sheet write entries of kind embedding and"
            " clustering into the models sheet"
        )
    ready = ready_variants(
        config["data"], **_ready(config), label=config.get("label"), taken=variants
    )
    return {**config, "models": [*config["models"], *ready]}, {**variants, **ready}


def scaled(config: Mapping[str, Any], *, named: str) -> dict[str, Any]:
    """Return the config at the scale that it asks for: the keys that ``scales`` gives under that
    name laid over the others, mappings into mappings.

    Raises:
        ValueError: there is no such scale.
    """
    scales = config.get("scales")
    if "scale" not in config or not isinstance(scales, dict):
        return dict(config)
    if config["scale"] not in scales:
        hint = nearest(config["scale"], list(scales))
        raise ValueError(
            f"{named}: scale: '{config['scale']}' is not among scales{hint}; known:"
            f" {', '.join(scales) or 'none'}"
        )
    return laid_over(config, scales[config["scale"]])


def laid_over(config: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """Return ``config`` with the keys of ``over`` in place of its own, mappings into mappings."""
    both = {
        key: laid_over(config[key], over[key])
        for key in over
        if isinstance(over[key], dict) and isinstance(config.get(key), dict)
    }
    return {**config, **over, **both}


def _check_products(study: Study, named: str, sheets: Mapping[str, Path]) -> None:
    """Refuse data sets and variants that the sheets do not know, and a study that asks for
    nothing.
    """
    products = {"": study.config} | {
        f"experiments: {each['name']}: ": each for each in study.experiments
    }
    if len(products) <= len(study.experiments):
        raise ValueError(
            f"{named}: experiments: a name is used twice; give each experiment its own"
        )
    for place, product in products.items():
        _check_names(product["datasets"], study.rows, named, f"{place}datasets", sheets["datasets"])
        _check_names(product["models"], study.variants, named, f"{place}models", sheets["models"])
    if not study.models:
        raise ValueError(
            f"{named}: nothing to run: name datasets and models, experiments that have both, or a"
            " file of your own: --config data=path/to/my.h5ad"
        )


def _check_guides(study: Study, model: str, sheet: Path) -> None:
    """Refuse a guide that is no variant, and variants that guide each other."""
    for dataset in study.datasets:
        followed = [model]
        while guide := study.guide_of(followed[-1], dataset):
            _check_names(
                [guide], study.variants, str(sheet), f"{followed[-1]}: task: guide_on", sheet
            )
            if guide in followed:
                raise ValueError(
                    f"{sheet}: {model}: task: guide_on:"
                    f" {' is guided by '.join([*followed, guide])}; one of them must be guided by"
                    " 'pca'"
                )
            followed.append(guide)


def _obstacle_of_guide(study: Study, model: str, dataset: str) -> str | None:
    guide = study.guide_of(model, dataset)
    if guide is None:
        return None
    if sees_labels(study.variants[guide]):
        return f"it is guided by {guide}, which sees labels"
    reason = obstacle(
        study.variants[guide], study.rows[dataset], study.source_row(guide)
    ) or _obstacle_of_guide(study, guide, dataset)
    return f"it is guided by {guide}: {reason}" if reason else None


def _refusal(study: Study, model: str, dataset: str) -> str | None:
    """Return that a data set, or the one that a variant is pretrained on, was refused."""
    if dataset in study.refused:
        return f"the data set was refused: {study.refused[dataset]}"
    source = study.pretrained_on(model)
    if source in study.refused:
        return f"it is pretrained on {source}, which was refused: {study.refused[source]}"
    return None


def find_file(path: str, folders: list[Path], named: str) -> Path:
    """Return the first of ``folders`` that holds ``path``; the working directory comes before the
    workflow's own folder.
    """
    for folder in folders:
        if (folder / path).is_file():
            return folder / path
    raise ValueError(
        f"{named}: sheets: no file '{path}' in {' or '.join(str(folder) for folder in folders)}"
    )


def _check_names(
    names: list[str], known: Mapping[str, Any], named: str, key: str, sheet: Path
) -> None:
    for name in names:
        if name not in known:
            raise ValueError(
                f"{named}: {key}: '{name}' is not in {sheet}{nearest(name, list(known))}; known:"
                f" {', '.join(known)}"
            )


def _check_genes_of(rows: Mapping[str, Mapping[str, Any]], dataset: str, sheet: Path) -> None:
    """Refuse a data set that is not in the sheet, and one that is itself kept to the genes of
    another.
    """
    other = rows[dataset]["genes_of"] if dataset in rows else None
    if other is None:
        return
    _check_names([other], rows, str(sheet), f"{dataset}: genes_of", sheet)
    if rows[other]["genes_of"] is not None:
        raise ValueError(
            f"{sheet}: {dataset}: genes_of: {other} is itself kept to the genes of"
            f" {rows[other]['genes_of']}; name that one, or leave it blank"
        )


def _check_predictions(study: Study, named: str, sheets: Mapping[str, Path]) -> None:
    asked = [request["dataset"] for request in study.config.get("predictions", [])]
    _check_names(asked, study.rows, named, "predictions: dataset", sheets["datasets"])
    if len(asked) > len(study.predictions):
        raise ValueError(
            f"{named}: predictions: a data set is named twice; give all its models in one entry"
        )
    for dataset, request in study.predictions.items():
        _check_names(
            request["models"], study.variants, named, "predictions: models", sheets["models"]
        )
        for model in request["models"]:
            entry, row = study.variants[model], study.rows[dataset]
            if reason := obstacle_to_prediction(entry, row) or obstacle(entry, row, None):
                raise ValueError(f"{named}: predictions: {model} on {dataset}: {reason}")


def _check_chapters(study: Study, named: str) -> None:
    if study.chapters and "published" not in study.sheets:
        raise ValueError(
            f"{named}: chapters: they set results beside published ones; name the sheet of these in"
            " sheets: published (config/published.tsv)"
        )
    for name, chapter in study.chapters.items():
        for dataset in chapter["datasets"]:
            if dataset not in study.datasets:
                raise ValueError(
                    f"{named}: chapters: {name}: '{dataset}' is no data set of the"
                    f" study{nearest(dataset, study.datasets)}"
                )


def _check_local_sources(row: Mapping[str, Any], mirror: str | None, sheet: Path | str) -> None:
    """Refuse at once what can be known at once: files that are not there, and tables that do not
    say which way they lie.
    """
    local = [source for source in row["sources"] if local_path(source)]
    is_there = any(path.exists() for path in map(local_path, local) if path)
    if local == row["sources"] and mirror is None and not is_there:
        raise ValueError(
            f"{sheet}: {row['dataset']}: no such file: {', '.join(local)}; paths are looked for in"
            f" the working directory, {Path.cwd()}"
        )
    tables = [source for source in local if source.removesuffix(".gz").endswith((".csv", ".tsv"))]
    if tables and row["orientation"] is None:
        raise ValueError(
            f"{sheet}: {row['dataset']}: {tables[0]} needs an orientation: cells_by_genes (a line"
            " is a cell) or genes_by_cells"
        )
