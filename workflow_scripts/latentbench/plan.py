"""What a study makes: one line a rule, with what it runs once for, where it runs, and what another
machine may change of it.

The rules ask this page for their inputs, the manifest for its list, `all` for its targets, and
docs/architecture.md for its table (``commands/plan_reference.py``). Paths are not here: a path is
written in the ``output:`` of the rule that makes it. Light imports only: Snakemake reads this at
every start."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from latentbench.figures import jobs as figure_jobs
from latentbench.models import MODELS
from latentbench.study.study import Study

Unit = Mapping[str, str]
"""What one job of a rule is of: its wildcards and their values."""

Where = Callable[[Study], list[Unit]]
"""Which units of a study: the first line of its docstring says which, in docs/architecture.md."""


class Determinism(StrEnum):
    """What another machine may change of a step's files. Close: to 1e-5 of the largest value of a
    column. Stochastic: within seed noise.
    """

    BITWISE = "bitwise"
    CLOSE = "numerically close"
    STOCHASTIC = "stochastic"


class Per(StrEnum):
    """What a rule runs once for."""

    STUDY = "study"
    DATASET = "data set"
    VARIANT = "data set and variant"
    CHAPTER = "chapter"

    @property
    def wildcards(self) -> tuple[str, ...]:
        """The wildcards in the paths of such a rule."""
        return {
            Per.STUDY: (),
            Per.DATASET: ("dataset",),
            Per.VARIANT: ("dataset", "model"),
            Per.CHAPTER: ("chapter",),
        }[self]


@dataclass(frozen=True)
class Step:
    """A rule of the workflow.

    ``on_another_machine``: what another machine may change of what it makes; None where that is
    about the study and is no artefact of it. ``figures``: the sort of figures that it draws, which
    the catalogue names; such a rule is written once for all sorts.
    """

    rule: str
    per: Per
    where: Where
    on_another_machine: Determinism | None
    figures: figure_jobs.Per | None = None


# Where a rule runs. Of the study as a whole: one unit without wildcards, or none.


def always(study: Study) -> list[Unit]:
    """in every study"""
    return [{}]


def where_predicted(study: Study) -> list[Unit]:
    """where the config asks for predictions"""
    return [{}] if study.predictions else []


def where_published(study: Study) -> list[Unit]:
    """where the config names a sheet of published results"""
    return [{}] if "published" in study.sheets else []


def where_counts(study: Study) -> list[Unit]:
    """where a model runs on any counts"""
    return [{}] if of_counts(study) else []


# Of data sets.


def prepared(study: Study) -> list[Unit]:
    """every data set that the study reads"""
    return _datasets(study.prepared_datasets)


def compared(study: Study) -> list[Unit]:
    """the data sets of the study"""
    return _datasets(study.datasets)


def scored(study: Study) -> list[Unit]:
    """those on which a variant runs"""
    return _datasets(dataset for dataset, _ in study.cells)


def agreeing(study: Study) -> list[Unit]:
    """those with two variants or more that may agree on something"""
    return _datasets(each for each in study.datasets if len(study.members_of_consensus(each)) > 1)


def bounded(study: Study) -> list[Unit]:
    """those without a declared number of clusters on which a variant runs that needs one"""
    return _datasets(
        dataset for dataset, model in study.trained_cells if study.is_bounded(model, dataset)
    )


def integrated(study: Study) -> list[Unit]:
    """those with a batch column, where the config asks for integration"""
    if not study.config["evaluation"]["integration"]:
        return []
    return [unit for unit in scored(study) if study.row(unit["dataset"])["batch"]]


def of_counts(study: Study) -> list[Unit]:
    """those of counts on which a variant runs"""
    return [unit for unit in scored(study) if figure_jobs.of_counts(study, unit["dataset"])]


def asked_to_predict(study: Study) -> list[Unit]:
    """those on which stimulated cells are predicted"""
    return _datasets(study.predictions)


# Of data sets and variants.


def trained(study: Study) -> list[Unit]:
    """every variant that applies, and those whose codes guide one"""
    return _variants(study.trained_cells)


def evaluated(study: Study) -> list[Unit]:
    """every variant that applies"""
    return _variants(study.cells)


def members(study: Study) -> list[Unit]:
    """variants that neither see labels nor are controls"""
    return _variants(
        (dataset, model)
        for dataset in study.datasets
        for model in study.members_of_consensus(dataset)
    )


def decoded(study: Study) -> list[Unit]:
    """networks on images"""
    return [
        unit
        for unit in evaluated(study)
        if _modality(study, unit) == "images" and _is_network(study, unit)
    ]


def linear_autoencoders(study: Study) -> list[Unit]:
    """variants that are to find the principal components"""
    return [unit for unit in evaluated(study) if study.kind_of(unit["model"]) == "linear_ae"]


def drawn_from_two_latents(study: Study) -> list[Unit]:
    """models with a second latent, on data sets with conditions"""
    return [
        unit
        for unit in evaluated(study)
        if study.row(unit["dataset"])["condition"]
        and figure_jobs.has_two_latents(study.kind_of(unit["model"]))
    ]


def predicting(study: Study) -> list[Unit]:
    """the variants that are asked to predict"""
    return _variants(
        (dataset, model)
        for dataset, request in study.predictions.items()
        for model in request["models"]
    )


# Of chapters.


def written(study: Study) -> list[Unit]:
    """the chapters that the config names"""
    return [{"chapter": name} for name in study.chapters]


def where_chapters(study: Study) -> list[Unit]:
    """where the config names chapters"""
    return [{}] if study.chapters else []


_BITWISE, _CLOSE, _STOCHASTIC = Determinism.BITWISE, Determinism.CLOSE, Determinism.STOCHASTIC

STEPS = (
    Step("validate", Per.STUDY, always, None),
    Step("download", Per.DATASET, prepared, _BITWISE),
    Step("preprocess", Per.DATASET, prepared, _CLOSE),
    Step("bound_clusters", Per.DATASET, bounded, _STOCHASTIC),
    Step("train", Per.VARIANT, trained, _STOCHASTIC),
    Step("decode", Per.VARIANT, decoded, _STOCHASTIC),
    Step("sample_latents", Per.VARIANT, drawn_from_two_latents, _STOCHASTIC),
    Step("predict", Per.VARIANT, predicting, _STOCHASTIC),
    Step("predict_baselines", Per.DATASET, asked_to_predict, _CLOSE),
    Step("collect_predictions", Per.STUDY, where_predicted, _STOCHASTIC),
    Step("cluster", Per.VARIANT, evaluated, _STOCHASTIC),
    Step("consensus", Per.DATASET, agreeing, _STOCHASTIC),
    Step("answer", Per.DATASET, compared, _STOCHASTIC),
    Step("collect_answers", Per.STUDY, always, _STOCHASTIC),
    Step("score", Per.DATASET, scored, _STOCHASTIC),
    Step("integrate", Per.DATASET, integrated, _STOCHASTIC),
    Step("analyse_pca", Per.DATASET, compared, _STOCHASTIC),
    Step("collect", Per.STUDY, always, _STOCHASTIC),
    Step("compare_published", Per.STUDY, where_published, _STOCHASTIC),
    Step("annotate", Per.DATASET, compared, _STOCHASTIC),
    Step("find_markers", Per.DATASET, of_counts, _STOCHASTIC),
    Step("collect_markers", Per.STUDY, where_counts, _STOCHASTIC),
    Step("theory", Per.STUDY, always, _CLOSE),
    Step("draw_maps", Per.DATASET, compared, _STOCHASTIC),
    Step("explore", Per.DATASET, compared, _STOCHASTIC),
    Step("draw_study", Per.STUDY, always, _STOCHASTIC, figures="study"),
    Step("draw_dataset", Per.DATASET, compared, _STOCHASTIC, figures="dataset"),
    Step("draw_plates", Per.STUDY, always, _BITWISE, figures="kind"),
    Step("draw_thesis", Per.STUDY, where_chapters, _BITWISE, figures="thesis"),
    Step("run_notebook", Per.DATASET, compared, _STOCHASTIC),
    Step("run_chapter", Per.CHAPTER, written, _STOCHASTIC),
    Step("write_report", Per.STUDY, always, _STOCHASTIC),
    Step("write_results", Per.STUDY, where_published, _STOCHASTIC),
    Step("manifest", Per.STUDY, always, None),
    Step("verdict", Per.STUDY, always, None),
)
"""Every rule, in the order of the flow. A step is no more the same on another machine than what
it reads."""


def artefact_steps() -> list[Step]:
    """Return the rules whose files are artefacts of a study: those that the manifest lists."""
    return [step for step in STEPS if step.on_another_machine is not None]


def files(patterns: Iterable[str], units: Iterable[Unit], own: Unit | None = None) -> list[str]:
    """Return the paths of outputs (``patterns``, with wildcards) for those of ``units`` that are of
    the same data set, variant or chapter as ``own``: the wildcards of whoever reads them.
    """
    own = own or {}
    patterns = list(patterns)
    return [
        pattern.format(**unit)
        for unit in units
        if all(own.get(name, value) == value for name, value in unit.items())
        for pattern in patterns
    ]


SHOWN_IN_NOTEBOOK = ("scores", "maps", "losses", "confusion", "usage")
"""The figures of a data set that its notebook shows, those that it has."""


def figures_of_notebook(study: Study, dataset: str) -> list[str]:
    """Return the stems of the figures that the notebook of a data set shows."""
    stems = figure_jobs.stems(study, "dataset", [dataset])
    return [stem for stem in stems if stem.split("/")[1] in SHOWN_IN_NOTEBOOK]


def figures_of_chapter(study: Study, chapter: str) -> list[str]:
    """Return the stems of the figures that a chapter may show: those of the study and of its data
    sets, and the numbered ones in that of the theory.
    """
    datasets = study.chapters[chapter]["datasets"]
    sorts: list[figure_jobs.Per] = [
        "study",
        "dataset",
        *(["thesis"] if chapter == "theory" else []),
    ]
    return [stem for sort in sorts for stem in figure_jobs.stems(study, sort, datasets)]


def _datasets(names: Iterable[str]) -> list[Unit]:
    return [{"dataset": name} for name in dict.fromkeys(names)]


def _variants(pairs: Iterable[tuple[str, str]]) -> list[Unit]:
    return [{"dataset": dataset, "model": model} for dataset, model in pairs]


def _modality(study: Study, unit: Unit) -> str:
    return study.row(unit["dataset"])["modality"]


def _is_network(study: Study, unit: Unit) -> bool:
    return MODELS[study.kind_of(unit["model"])].is_network
