"""Which figures a study has, and which of them one job draws. Light imports only: the workflow
reads this at every start.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from latentbench.figures.catalogue import FIGURES, Figure, Per
from latentbench.models import MODELS
from latentbench.models.declared import factorisation_of
from latentbench.study.study import Study

# Conditions, by the names that the catalogue gives them: of a study, or of one of its data sets.


def always(study: Study, dataset: str) -> bool:
    return True


def labelled(study: Study, dataset: str) -> bool:
    return study.row(dataset)["label"] is not None


def where_labelled(study: Study, _: str) -> bool:
    return any(labelled(study, dataset) for dataset in study.datasets)


def where_ranked(study: Study, _: str) -> bool:
    """Friedman's test takes two data sets at least."""
    return sum(labelled(study, dataset) for dataset in study.datasets) > 1


def where_predicted(study: Study, _: str) -> bool:
    return bool(study.predictions)


def asked_to_predict(study: Study, dataset: str) -> bool:
    return dataset in study.predictions


def with_networks(study: Study, dataset: str) -> bool:
    return any(MODELS[kind].is_network for kind in _kinds_on(study, dataset))


def of_counts(study: Study, dataset: str) -> bool:
    return study.row(dataset)["modality"] == "counts" and bool(_kinds_on(study, dataset))


def of_images(study: Study, dataset: str) -> bool:
    return study.row(dataset)["modality"] == "images" and with_networks(study, dataset)


def with_two_latents(study: Study, dataset: str) -> bool:
    """A model has a second latent, w, and there are conditions to tell apart."""
    return study.row(dataset)["condition"] is not None and any(
        map(has_two_latents, _kinds_on(study, dataset))
    )


def has_two_latents(kind: str) -> bool:
    """Whether a kind declares a second latent, w."""
    return MODELS[kind].is_network and "w" in factorisation_of(kind).variables


def _kinds_on(study: Study, dataset: str) -> list[str]:
    return [study.variants[model]["kind"] for name, model in study.cells if name == dataset]


CONDITIONS: dict[str, Callable[[Study, str], bool]] = {
    condition.__name__: condition
    for condition in (
        *(always, labelled, where_labelled, where_ranked, where_predicted, asked_to_predict),
        *(with_networks, of_counts, of_images, with_two_latents),
    )
}


def figures_of(study: Study, per: Per, of: str = "") -> list[Figure]:
    """Return the figures that a study, one of its data sets or kinds has."""
    return [
        figure for figure in FIGURES if figure.per == per and CONDITIONS[figure.when](study, of)
    ]


def networks_of(study: Study) -> list[str]:
    """Return the kinds of the study's variants that are networks, each once: each has its plate."""
    kinds = dict.fromkeys(study.variants[model]["kind"] for model in study.models)
    return [kind for kind in kinds if MODELS[kind].is_network]


@dataclass(frozen=True)
class Unit:
    """Figures that one job draws, each of a data set, of a kind, or of neither (``of``)."""

    per: Per
    figures: tuple[tuple[Figure, str], ...]

    @property
    def reads(self) -> list[str]:
        """The names of what its figures are drawn from."""
        return list(dict.fromkeys(name for figure, _ in self.figures for name in figure.reads))

    @property
    def modules(self) -> list[str]:
        """The modules that draw them, and those of the kinds that are drawn."""
        drawing = {f"figures.{figure.draw.split(':')[0]}" for figure, _ in self.figures}
        kinds = [
            kind
            for figure, of in self.figures
            for kind in ([of] if figure.per == "kind" else figure.kinds)
        ]
        return sorted(drawing | {MODELS[kind].code for kind in kinds})

    @property
    def stems(self) -> list[str]:
        """Their files under figures/, without suffix; a data set's name is left to a wildcard."""
        return [
            figure.stem("{dataset}" if self.per == "dataset" else of) for figure, of in self.figures
        ]

    @property
    def files(self) -> list[str]:
        """The same without wildcards."""
        return [figure.stem(of) for figure, of in self.figures]

    @property
    def drawings(self) -> list[dict[str, str]]:
        """How each is drawn, and its caption."""
        return [
            {"draw": figure.draw, "of": of, "caption": figure.described(of)["caption"]}
            for figure, of in self.figures
        ]

    @property
    def labels(self) -> list[str]:
        """Their names in lists."""
        return [of if self.per == "kind" else figure.short for figure, of in self.figures]


def units(study: Study) -> dict[str, Unit]:
    """Return what is drawn together, by the name of the job: the figures of the study, of each
    data set, of the kinds and of the thesis.
    """
    jobs: dict[str, tuple[Per, list[str]]] = {
        "study": ("study", [""]),
        "plates": ("kind", networks_of(study)),
        "thesis": ("thesis", [""] if study.chapters else []),
        **{dataset: ("dataset", [dataset]) for dataset in study.datasets},
    }
    found = {
        name: Unit(per, tuple((each, of) for of in names for each in figures_of(study, per, of)))
        for name, (per, names) in jobs.items()
    }
    return {name: unit for name, unit in found.items() if unit.figures}


def stems(study: Study, per: Per | None = None, datasets: Iterable[str] | None = None) -> list[str]:
    """Return the stems of a study's figures, of all or of one sort; of these data sets alone."""
    return [
        figure.stem(of)
        for unit in units(study).values()
        for figure, of in unit.figures
        if per in (None, unit.per) and (unit.per != "dataset" or datasets is None or of in datasets)
    ]
