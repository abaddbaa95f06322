"""The methods text: what was done, in sentences that a paper can take over, from the configuration
that was run.
"""

from collections.abc import Mapping
from typing import Any

import yaml

from latentbench.figures.style import model_colours, model_order
from latentbench.models.declared import documentation_of
from latentbench.report.citations import linked
from latentbench.report.figures import plates
from latentbench.report.results import Results
from latentbench.report.sections import Section
from latentbench.report.tables import StudyTables
from latentbench.study.applicability import CONSENSUS

PARAGRAPHS = (
    """Each data set was split once into training and test cells ({share} the cells for testing,
    stratified by label where labels exist). Variable genes, scaling and principal components
    were fitted on the training cells alone and applied to all.""",
    """Every variant was trained once for each seed ({seeds}); a seed fixes initial weights,
    order of minibatches and noise. Hyperparameters were the same for every data set. Variants
    marked ‡ were compared with others by the labels of that data set before they were kept; no
    other was. A replica whose loss stopped being finite is counted as diverged.""",
    """Clusterings were fitted on the training cells and test cells assigned to them: the
    model’s own components, k-means with the declared number of clusters, Leiden ([@traag2019])
    at a resolution chosen without labels. Which of them speaks for a variant was fixed
    beforehand: its own, else k-means, else Leiden where no number is declared.""",
    """The seeds of a variant, and the variants of a data set, have a consensus: the
    average-linkage tree of how often two cells are put together ([@fred2005]), cut into the
    declared number of groups, or where it agrees most with its members. Which seed
    and which variant are shown was decided by a rule that the configuration names and that
    reads no label; what it gained is measured afterwards.""",
    """Scores are the adjusted Rand index (ARI; [@hubert1985]), normalised mutual information
    (NMI, arithmetic mean; [@strehl2002]) and accuracy under the best one-to-one matching of
    clusters to labels (ACC; [@kuhn1955]), on test cells. Intervals are 95 % bootstrap intervals
    ([@davison1997]) over seeds, and over data sets and seeds for the study as a whole; what is
    said of the best model of one data set counts the error over cells too; differences are
    tested in pairs with Holm’s correction ([@holm1979]). Ranks over data sets are compared by
    Friedman’s test ([@friedman1937]) with the correction of [@iman1980] and by Nemenyi’s
    critical difference ([@nemenyi1963]; [@demsar2006]).""",
    """Controls bound the scores: a random projection (what no learning gives), shuffled labels
    (chance) and the true labels (the ceiling). They, and variants that saw labels (†), take no
    part in the contest.""",
)

OF_CONSENSUS = (
    "what the variants agree on, seed by seed: the tree of how often two cells lie together (Fred"
    " and Jain 2005)."
)


def view(results: Results) -> dict[str, Any]:
    """Return the text with its citations as links, the models with their plates, and the
    configuration.
    """
    config = yaml.safe_dump(results.config, sort_keys=False, allow_unicode=True, width=100)
    return {
        "paragraphs": [linked(text) for text in methods_text(results.config, results.tables)],
        "models": described_models(results.tables.kinds),
        "plates": plates(results),
        "versions": sorted(results.versions.items()),
        "config": config,
    }


def methods_text(config: Mapping[str, Any], tables: StudyTables) -> list[str]:
    """Return the paragraphs of the methods section; ``[@key]`` stands for an entry of
    references.bib.
    """
    seeds = ", ".join(
        str(seed) for seed in sorted(tables.status["seed"].dropna().astype(int).unique())
    )
    split = config.get("preprocessing", {}).get("split", {})
    share = (
        f"{100 * split['test_fraction']:g} % of" if "test_fraction" in split else "a fixed share of"
    )
    return [
        " ".join(paragraph.format(share=share, seeds=seeds).split()) for paragraph in PARAGRAPHS
    ]


def described_models(kinds: Mapping[str, str]) -> list[dict[str, str]]:
    """Return name, kind, colour and the first sentence of the documentation, which cites its
    source, for every model.
    """
    colours = model_colours(kinds)
    sentences = {
        kind: documentation_of(kind).title for kind in set(kinds.values()) - {CONSENSUS}
    } | {CONSENSUS: OF_CONSENSUS}
    return [
        {
            "name": model,
            "kind": kinds[model],
            "colour": colours[model],
            "citation": sentences[kinds[model]],
        }
        for model in model_order(kinds)
    ]


SECTION = Section(180, "Methods", view)
