"""What every rule is told of a study, and nothing beyond: Snakemake runs a job again when what it
is told has changed, so that a column of the sheet or a key of the config reaches the rules that
read it and no other (docs/reruns.md). Light imports only.

A function takes the study and the wildcards that it needs, by name."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from latentbench.data.places import local_files
from latentbench.models import MODELS
from latentbench.study.applicability import CONSENSUS
from latentbench.study.study import Study

Unit = Mapping[str, str]

READ_BY_DOWNLOAD = (
    *("dataset", "modality", "sources", "sha256", "label", "batch", "condition", "donor"),
    *("orientation", "layer", "annotation", "var_names"),
)
READ_BY_REPORT = ("licence", "citation", "origin", "n_clusters", "circular")


def row_to_read(study: Study, dataset: str) -> dict[str, Any]:
    """Return the columns of the sheet that say how a data set is read."""
    return _columns(study, dataset, READ_BY_DOWNLOAD)


def own_files(study: Study, dataset: str) -> list[str]:
    """Return the local files that a row of the sheet names: one that changed is read anew."""
    return [str(path) for path in local_files(study.row(dataset))]


def sheet_of_dataset(study: Study, dataset: str) -> dict[str, dict[str, Any]]:
    """Return what of its row of the sheet is told to readers, by the name of the data set."""
    return {dataset: _columns(study, dataset, READ_BY_REPORT)}


def sheet_of_study(study: Study) -> dict[str, dict[str, Any]]:
    """Return the same of every data set that is compared."""
    return {name: _columns(study, name, READ_BY_REPORT) for name in study.datasets}


def preset(study: Study, dataset: str) -> str:
    """Return how a data set is prepared."""
    return study.row(dataset)["preset"]


def preset_options(study: Study, dataset: str) -> dict[str, Any]:
    """Return the config's options of that preset."""
    return study.config["preprocessing"].get(preset(study, dataset), {})


def cells_looked_at(study: Study, dataset: str) -> dict[str, Any]:
    """Return which cells of a data set the study looks at: those that its row names, and of these
    at most so many.
    """
    return {
        "only": study.row(dataset)["only"],
        "max_obs": study.config["preprocessing"].get("max_obs"),
    }


def sharing_genes(study: Study, dataset: str) -> Unit | None:
    """Return the data set whose genes alone are kept, None where all are."""
    other = study.row(dataset)["genes_of"]
    return {"dataset": other} if other else None


def pretrained_on(study: Study, model: str) -> Unit | None:
    """Return the data set that task mode transfer trains on first, None for any other mode."""
    other = study.pretrained_on(model)
    return {"dataset": other} if other else None


def guide(study: Study, dataset: str, model: str) -> Unit | None:
    """Return the variant in whose codes task mode guided looks for groups, None where they are
    principal components.
    """
    other = study.guide_of(model, dataset)
    return {"dataset": dataset, "model": other} if other else None


def bounded_by(study: Study, dataset: str, model: str) -> Unit | None:
    """Return the data set whose bound on the number of clusters a variant is given, None where it
    needs none.
    """
    return {"dataset": dataset} if study.is_bounded(model, dataset) else None


def is_member(study: Study, dataset: str, model: str) -> bool:
    """Return whether a variant may agree with others: no control, and none that sees labels."""
    return model in study.members_of_consensus(dataset)


def n_clusters(study: Study, dataset: str) -> int | None:
    """Return the number of clusters that the sheet declares, if it does."""
    return study.row(dataset)["n_clusters"]


def variant(study: Study, dataset: str, model: str) -> dict[str, Any]:
    """Return a variant as it is trained on a data set."""
    return study.variant(model, dataset)


def modules_of(study: Study, model: str) -> list[str]:
    """Return the library module of a variant's kind: an edit of it trains that kind anew."""
    return modules_of_kinds([study.kind_of(model)])


def modules_of_kinds(kinds: Iterable[str]) -> list[str]:
    """Return the library modules of kinds, or the files of the user's own."""
    return [MODELS[kind].code for kind in kinds]


def models(study: Study, dataset: str) -> list[str]:
    """Return the variants that run on a data set."""
    return study.models_on(dataset)


def members(study: Study, dataset: str) -> list[str]:
    """Return the variants that may agree on something."""
    return study.members_of_consensus(dataset)


def kinds(study: Study) -> dict[str, str]:
    """Return the kind of every method that is scored."""
    return {**{model: study.kind_of(model) for model in study.models}, CONSENSUS: CONSENSUS}


def tuned_on(study: Study) -> dict[str, list[str]]:
    """Return the data sets on whose labels every method that is scored was tuned, where it was on
    any; the consensus on those of all variants.
    """
    told = {model: study.variants[model].get("tuned_on", []) for model in study.models}
    everywhere = sorted({dataset for datasets in told.values() for dataset in datasets})
    return {model: names for model, names in {**told, CONSENSUS: everywhere}.items() if names}


def circular(study: Study) -> list[str]:
    """Return the data sets whose labels were found by clustering the same expression."""
    return [name for name in study.datasets if study.row(name)["circular"]]


def linear_autoencoders(study: Study, dataset: str) -> list[str]:
    """Return the variants that are to find the principal components of a data set."""
    return [m for m in study.models_on(dataset) if study.kind_of(m) == "linear_ae"]


def request(study: Study, dataset: str) -> dict[str, Any]:
    """Return what of the predictions on a data set the protocol asks; whom it asks, the plan
    knows.
    """
    return {name: value for name, value in study.predictions[dataset].items() if name != "models"}


def explorer_options(study: Study, dataset: str) -> dict[str, Any]:
    """Return the config's options of the explorer for one data set: its own genes, its share of the
    megabytes.
    """
    options = dict(study.config["report"].get("explorer", {}))
    whole = options.pop("max_megabytes", 4)
    genes = options.pop("genes", {}).get(dataset, [])
    return options | {"genes": genes, "max_megabytes": whole / len(study.datasets)}


def maps_options(study: Study) -> dict[str, Any]:
    """Return the config's options of the maps."""
    return study.config["report"].get("maps", {})


def title(study: Study, chapter: str) -> str:
    """Return the title of a chapter."""
    return study.chapters[chapter]["title"]


def datasets(study: Study, chapter: str) -> list[str]:
    """Return the data sets of a chapter."""
    return study.chapters[chapter]["datasets"]


def rows_to_validate(study: Study) -> list[dict[str, Any]]:
    """Return the rows of the data sheet that the study reads."""
    return [study.row(dataset) for dataset in study.prepared_datasets]


def sentence(study: Study) -> str:
    """Return what will run, in a line."""
    numbers = (
        f"{len(study.datasets)} data sets, {len(study.models)} models, {len(study.seeds)} seeds"
    )
    left_out = f"; {len(study.not_applicable)} do not apply" if study.not_applicable else ""
    return f"{numbers}: {len(study.cells)} jobs of training{left_out}"


def config_of_results(study: Study) -> dict[str, Any]:
    """Return the config but for what the results do not depend on: where a copy of the data lay,
    how often a state is saved.
    """
    return {key: each for key, each in study.config.items() if key not in ("mirror", "checkpoints")}


def config_in_words(study: Study) -> dict[str, Any]:
    """Return what of the config a page of results speaks of: its title, scale, seeds, and how many
    cells were looked at.
    """
    return {
        "seeds": study.seeds,
        **({"scale": study.config["scale"]} if "scale" in study.config else {}),
        "preprocessing": {"max_obs": study.config["preprocessing"].get("max_obs")},
        "report": {"title": study.config["report"]["title"]},
    }


def command(study: Study, configfiles: Iterable[Path], workflow: Path) -> str:
    """Return what runs this study, as one would write it: its config files and its scale.

    A config file is named as from the folder of the workflow, one that lies elsewhere by its name
    alone, which is the same on every machine."""
    default = workflow / "config" / "config.yaml"
    named = " ".join(_name(path, workflow) for path in configfiles if path != default)
    files = f" --configfile {named}" if named else ""
    scale = f" --config scale={study.config['scale']}" if "scale" in study.config else ""
    return f"snakemake --cores all{files}{scale}"


def _name(path: Path, workflow: Path) -> str:
    return str(path.relative_to(workflow)) if workflow in path.parents else path.name


def _columns(study: Study, dataset: str, names: Iterable[str]) -> Mapping[str, Any]:
    row = study.row(dataset)
    return {name: row[name] for name in names}
