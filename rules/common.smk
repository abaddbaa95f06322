# Read and check the study before anything runs, and the few functions that the rules of every stage share.
import os
import sys
import time
from pathlib import Path

WORKFLOW = Path(workflow.basedir)
sys.path.insert(0, str(WORKFLOW / "workflow_scripts"))

from latentbench.code_dependencies import library_files
from latentbench.models import MODELS
from latentbench.models.declared import factorisation_of
from latentbench.logs import failures_since
from latentbench.figures import jobs as figure_jobs
from latentbench.study.sheets import numbers_of, read_yaml
from latentbench.study.study import load_study
from snakemake.exceptions import WorkflowError


def read_study():
    """The study of config, with a mistake shown as a sentence and not as a traceback."""
    named = ", ".join(str(path) for path in workflow.configfiles) or "config"
    try:
        for path in workflow.configfiles:
            read_yaml(Path(path))
        for key in workflow.config_settings.config or {}:
            config[key] = numbers_of(config[key])
        return load_study(
            config,
            named=named,
            schemas=WORKFLOW / "config" / "schemas",
            folders=[Path.cwd(), WORKFLOW],
        )
    except ValueError as mistake:
        raise WorkflowError(str(mistake)) from None


def models_that_predict(study):
    """The models of all predictions, which need not be among those that are compared."""
    return [model for request in study.predictions.values() for model in request["models"]]


study = read_study()
config.update(study.config)
STARTED = time.time()


onerror:
    for failure in failures_since(STARTED, Path("results/logs")):
        print(f"\nFAILED: {failure}", file=sys.stderr)
    print(
        "\nMend what is named above and run the same command again: what is done stays done."
        "\nUntil then results/tables, figures and report are those of an earlier run, if there are any.",
        file=sys.stderr,
    )


def rows_of_study():
    """The rows of the data sheet that the study reads."""
    return [study.row(dataset) for dataset in study.prepared_datasets]


def sentence_on_study():
    """What will run, in a line."""
    numbers = (
        f"{len(study.datasets)} data sets, {len(study.models)} models, {len(study.seeds)} seeds"
    )
    left_out = f"; {len(study.not_applicable)} do not apply" if study.not_applicable else ""
    return f"{numbers}: {len(study.cells)} jobs of training{left_out}"


wildcard_constraints:
    chapter="|".join(study.chapters),
    dataset="|".join(study.prepared_datasets),
    model="|".join(dict.fromkeys([*study.trained_models, *models_that_predict(study)])),


def library(script, *also):
    """The library files that a script runs: named as inputs, so that an edit reruns what it touches."""
    scripts = WORKFLOW / "workflow_scripts"
    return library_files(scripts / f"{script}.py", *also, library=scripts / "latentbench")


def library_with_kind(script):
    """A function of the wildcards: the library files of a script, and the file of the variant's own kind."""

    def paths(wildcards):
        kind = MODELS[study.variants[wildcards.model]["kind"]]
        return library(script, f"models.{kind.module}")

    return paths


def training_environment():
    """The environment file of training: with a CUDA build of torch where the machine says so."""
    build = "train_gpu" if os.environ.get("LATENTBENCH_GPU") else "train"
    return f"../envs/{build}.yaml"


def prediction_request(wildcards):
    return study.predictions[wildcards.dataset]


def predictions_of_study():
    models = [
        f"results/predictions/models/{dataset}/{model}.tsv"
        for dataset, request in study.predictions.items()
        for model in request["models"]
    ]
    return models + expand("results/predictions/baselines/{dataset}.tsv", dataset=study.predictions)


def means_of_predictions(wildcards):
    """The gene means of what every method predicts on a data set."""
    models = study.predictions[wildcards.dataset]["models"]
    return [
        *expand(
            "results/predictions/means/{dataset}/models/{model}.parquet",
            dataset=wildcards.dataset,
            model=models,
        ),
        f"results/predictions/means/{wildcards.dataset}/baselines.parquet",
    ]


def if_predicted(*paths):
    """Files that are only made where something is predicted."""
    return list(paths) if study.predictions else []


# The tables that figures, notebooks and the report are made from.
TABLES = {
    name: f"results/tables/{name}.parquet"
    for name in [
        *["scores", "summary", "status", "history"],
        *["choices", "reliability", "quality"],
    ]
}


def if_published(*paths):
    """Files that are only made where the study has a sheet of published results."""
    return list(paths) if "published" in study.sheets else []


def predictions_table(wildcards):
    return if_predicted("results/tables/predictions.parquet")


def figures_of_chapter(wildcards):
    """The figures that a chapter may show: those of the study and of its data sets, and the numbered ones."""
    datasets = study.chapters[wildcards.chapter]["datasets"]
    pers = ["study", "dataset", *(["thesis"] if wildcards.chapter == "theory" else [])]
    return figure_files([s for per in pers for s in figure_jobs.stems(study, per, datasets)], "png")


def title_of_chapter(wildcards):
    return study.chapters[wildcards.chapter]["title"]


def datasets_of_chapter(wildcards):
    return study.chapters[wildcards.chapter]["datasets"]


def notebook_of_chapter(wildcards):
    return f"{workflow.basedir}/workflow_scripts/notebooks/chapters/{wildcards.chapter}.ipynb"


def dataset_row(wildcards):
    return study.row(wildcards.dataset)


def config_of_results():
    """The config but for what the results do not depend on: where a copy of the data lay, how often a state is saved."""
    return {key: value for key, value in config.items() if key not in ("mirror", "checkpoints")}


def name_of_config(path):
    """A config file as one would name it from the workflow's folder; one that lies elsewhere by its name alone, which is the same on every machine."""
    inside = WORKFLOW in path.parents
    return str(path.relative_to(WORKFLOW)) if inside else path.name


def command_of_study():
    """What runs this study, as one would write it: its config files and its scale."""
    default = WORKFLOW / "config" / "config.yaml"
    files = [Path(path).resolve() for path in workflow.configfiles]
    own = [name_of_config(path) for path in files if path != default]
    named = f" --configfile {' '.join(own)}" if own else ""
    scale = f" --config scale={config['scale']}" if "scale" in config else ""
    return f"snakemake --cores all{named}{scale}"


def own_files(wildcards):
    """The local files that a data set's row names: a changed file is read anew."""
    row = study.row(wildcards.dataset)
    named = [*row["sources"], row["annotation"]]
    return [path for path in named if path and ":" not in path and Path(path).exists()]


def dataset_preset(wildcards):
    return study.row(wildcards.dataset)["preset"]


def data_sharing_genes(wildcards):
    """The data set whose genes alone are kept; nothing where all are."""
    other = study.row(wildcards.dataset)["genes_of"]
    return f"results/data/{other}/prepared.h5ad" if other else []


def cells_looked_at(wildcards):
    """Which cells of a data set the study looks at: those that its row names, and of these at most so many."""
    return {
        "only": study.row(wildcards.dataset)["only"],
        "max_obs": config["preprocessing"].get("max_obs"),
    }


def preset_options(wildcards):
    return study.config["preprocessing"].get(dataset_preset(wildcards), {})


def page_assets():
    """The templates, styles, scripts and citations that the page is made of."""
    folder = WORKFLOW / "workflow_scripts" / "latentbench" / "report"
    kinds = {".j2", ".css", ".js", ".bib"}
    return sorted(str(path) for path in folder.rglob("*") if path.suffix in kinds)


def sections_of_page():
    """The modules of the page's sections, which are found by looking into their folder."""
    folder = WORKFLOW / "workflow_scripts" / "latentbench" / "report" / "sections"
    return [f"report.sections.{path.stem}" for path in sorted(folder.glob("[a-z]*.py"))]


def origins(wildcards=None):
    """What the data sheet says of where data sets are from: of one, or of those of the study."""
    names = [wildcards.dataset] if wildcards else study.datasets
    keys = ("licence", "citation", "origin")
    return {name: {key: study.row(name)[key] for key in keys} for name in names}


def figures_of_notebook(wildcards):
    """The figures that the notebook of a data set shows, those that it has."""
    shown = ["scores", "maps", "losses", "confusion", "usage"]
    stems = figure_jobs.stems(study, "dataset", [wildcards.dataset])
    return figure_files([stem for stem in stems if stem.split("/")[1] in shown], "png")


def figure_files(stems, suffix):
    """The files of figures, which the catalogue names by their stems."""
    return expand("results/figures/{stem}.{suffix}", stem=stems, suffix=suffix)


def explorer_options(wildcards):
    """The config's options of the explorer for one data set: its own genes, its share of the megabytes."""
    options = dict(config["report"].get("explorer", {}))
    whole = options.pop("max_megabytes", 4)
    genes = options.pop("genes", {}).get(wildcards.dataset, [])
    return options | {"genes": genes, "max_megabytes": whole / len(study.datasets)}


def model_variant(wildcards):
    return study.variant(wildcards.model, wildcards.dataset)


def guiding_codes(wildcards):
    """The codes in which task mode guided looks for groups; nothing where they are principal components."""
    guide = study.guide_of(wildcards.model, wildcards.dataset)
    return f"results/models/{wildcards.dataset}/{guide}/embedding.h5ad" if guide else []


def data_transferred_from(wildcards):
    """The data set that task mode transfer trains on first; nothing for any other mode."""
    source = study.pretrained_on(wildcards.model)
    return f"results/data/{source}/prepared.h5ad" if source else []


def models_of(wildcards):
    """The models that run on a data set."""
    return [model for dataset, model in study.cells if dataset == wildcards.dataset]


def members_of_consensus(wildcards):
    return study.members_of_consensus(wildcards.dataset)


def of_models(path, among=models_of):
    """A function of the wildcards: a file of every model that runs on the data set, or of some of them."""

    def paths(wildcards):
        return expand(path, dataset=wildcards.dataset, model=among(wildcards))

    return paths


def kinds_of(wildcards):
    """The models that run on a data set, with their kinds."""
    return {model: study.variants[model]["kind"] for model in models_of(wildcards)}


def networks_of(wildcards):
    """The networks that run on a data set, with their kinds."""
    return {m: kind for m, kind in kinds_of(wildcards).items() if MODELS[kind].is_network}


def linear_autoencoders_of(wildcards):
    """The models that run on a data set and are to find its principal components."""
    return [m for m, kind in kinds_of(wildcards).items() if kind == "linear_ae"]


def two_latent_models_of(wildcards):
    """The networks that run on a data set and declare a second latent, w, with their kinds."""
    kinds = networks_of(wildcards)
    return {m: kind for m, kind in kinds.items() if has_two_latents(kind)}


def has_two_latents(kind):
    return MODELS[kind].is_network and "w" in factorisation_of(kind).variables


def cells_with_two_latents():
    """The (data set, model) whose two latents are drawn: where there are conditions to tell apart."""
    return [
        (dataset, model)
        for dataset, model in study.cells
        if study.row(dataset)["condition"] and has_two_latents(study.variants[model]["kind"])
    ]


def datasets_of_counts():
    """The data sets of counts on which any model runs."""
    return [each for each in scored_datasets() if study.row(each)["modality"] == "counts"]


def decoded_cells():
    """The (data set, model) whose weights are decoded with: networks on images."""
    return [
        (dataset, model)
        for dataset, model in study.cells
        if study.row(dataset)["modality"] == "images"
        and MODELS[study.variants[model]["kind"]].is_network
    ]


latents_of = of_models("results/latents/{dataset}/{model}.npz", two_latent_models_of)
decoded_of = of_models("results/decoded/{dataset}/{model}.npz", networks_of)
linear_weights_of = of_models(
    "results/models/{dataset}/{model}/weights.safetensors", linear_autoencoders_of
)
linear_statuses_of = of_models(
    "results/models/{dataset}/{model}/status.json", linear_autoencoders_of
)
embeddings_of = of_models("results/models/{dataset}/{model}/embedding.h5ad")
statuses_of = of_models("results/models/{dataset}/{model}/status.json")
histories_of = of_models("results/models/{dataset}/{model}/history.parquet")
quality_of = of_models("results/models/{dataset}/{model}/quality.tsv")
clusters_of = of_models("results/clusters/{dataset}/{model}.parquet")
criteria_of = of_models("results/criteria/{dataset}/{model}.tsv")
clusters_of_members = of_models("results/clusters/{dataset}/{model}.parquet", members_of_consensus)
criteria_of_members = of_models("results/criteria/{dataset}/{model}.tsv", members_of_consensus)


def declared_clusters(wildcards):
    """The number of clusters that the sheet declares, if it does."""
    return study.row(wildcards.dataset)["n_clusters"]


def has_consensus(dataset):
    """Whether there are models to agree: two at least."""
    return len(study.members_of_consensus(dataset)) > 1


def if_consensus(path):
    """A function of the wildcards: a file of the consensus, where there are models to agree."""

    def paths(wildcards):
        agreeing = has_consensus(wildcards.dataset)
        return expand(path, dataset=wildcards.dataset) if agreeing else []

    return paths


def kinds_of_study():
    """The kind of every method that is scored."""
    kinds = {model: study.variants[model]["kind"] for model in study.models}
    return {**kinds, "consensus": "consensus"}


def scored_datasets():
    """The data sets on which any model runs."""
    return list(dict.fromkeys(dataset for dataset, _ in study.cells))


def of_pairs(path, pairs):
    """A file, or the files of an output, of every (data set, model)."""
    return expand(path, zip, dataset=[d for d, _ in pairs], model=[m for _, m in pairs])


def of_study(path):
    """A file of every model on every data set that it runs on."""
    return of_pairs(path, study.cells)


def agreeing_datasets():
    return [dataset for dataset in study.datasets if has_consensus(dataset)]


def if_integrated():
    """The scores by scib-metrics, where the config asks for them: of the data sets whose row names a batch."""
    if not config["evaluation"]["integration"]:
        return []
    batched = [each for each in scored_datasets() if study.row(each)["batch"]]
    return expand("results/integration/{dataset}.tsv", dataset=batched)


def statuses_of_consensus():
    return expand("results/models/{dataset}/consensus/status.json", dataset=agreeing_datasets())


def trained_cells():
    """The (data set, model) that are trained: those of the study, and those whose codes guide one of them, and theirs."""
    cells = list(study.cells)
    for dataset, model in cells:  # grows while it is gone through
        guide = study.guide_of(model, dataset)
        if guide and (dataset, guide) not in cells:
            cells.append((dataset, guide))
    return cells


def figures_by_sort():
    """All files of the figures, by the sort of jobs that draw them."""
    sorts = {"study": "study", "dataset": "dataset", "plates": "kind", "thesis": "thesis"}
    return {
        f"draw_{name}": figure_files(figure_jobs.stems(study, per), ["pdf", "svg", "png", "rst"])
        for name, per in sorts.items()
    }


def artefacts_of_study(wildcards):
    """Every file that the study makes, by the rule that makes it."""
    asked = [(d, m) for d, request in study.predictions.items() for m in request["models"]]
    once = [
        *["collect", "theory", "write_report"],
    ]
    of_each_dataset = [
        *["annotate", "draw_maps", "explore", "run_notebook", "analyse_pca"],
    ]
    artefacts = {
        "download": expand(rules.download.output, dataset=study.prepared_datasets),
        "preprocess": expand(rules.preprocess.output, dataset=study.prepared_datasets),
        "train": of_pairs(rules.train.output, trained_cells()),
        "cluster": of_pairs(rules.cluster.output, study.cells),
        "consensus": expand(rules.consensus.output, dataset=agreeing_datasets()),
        "integrate": if_integrated(),
        "score": expand(rules.score.output, dataset=scored_datasets()),
        "compare_published": if_published(*rules.compare_published.output),
        "write_results": if_published(*rules.write_results.output),
        "run_chapter": expand(rules.run_chapter.output, chapter=study.chapters),
        "decode": of_pairs(rules.decode.output, decoded_cells()),
        "sample_latents": of_pairs(rules.sample_latents.output, cells_with_two_latents()),
        "find_markers": expand(rules.find_markers.output, dataset=datasets_of_counts()),
        "collect_markers": (list(rules.collect_markers.output) if datasets_of_counts() else []),
        **figures_by_sort(),
        **{name: list(getattr(rules, name).output) for name in once},
        **{
            name: expand(getattr(rules, name).output, dataset=study.datasets)
            for name in of_each_dataset
        },
    }
    if not study.predictions:
        return artefacts
    return artefacts | {
        "predict": of_pairs(rules.predict.output, asked),
        "predict_baselines": expand(rules.predict_baselines.output, dataset=study.predictions),
        "collect_predictions": list(rules.collect_predictions.output),
    }
