# What people look at: maps, the explorer's data, figures. Every figure comes as pdf and svg for
# papers and as png.


rule draw_maps:
    input:
        prepared="results/data/{dataset}/prepared.h5ad",
        embeddings=embeddings_of,
        clusters=clusters_of,
        code=library("draw_maps"),
    output:
        maps="results/maps/{dataset}.parquet",
    log:
        "results/logs/draw_maps/{dataset}.log",
    conda:
        "../envs/figures.yaml"
    threads: 1
    params:
        options=lookup(dpath="report/maps", within=config, default={}),
    message:
        "lay out the embeddings of {wildcards.dataset}"
    script:
        "../workflow_scripts/draw_maps.py"


rule explore:
    input:
        prepared="results/data/{dataset}/prepared.h5ad",
        embeddings=embeddings_of,
        clusters=clusters_of,
        maps="results/maps/{dataset}.parquet",
        code=library("explore"),
    output:
        explored="results/explorer/{dataset}.safetensors",
    log:
        "results/logs/explore/{dataset}.log",
    conda:
        "../envs/figures.yaml"
    threads: 1
    params:
        options=explorer_options,
    message:
        "make {wildcards.dataset} ready for the explorer"
    script:
        "../workflow_scripts/explore.py"


# What figures may be drawn from, by the names that the catalogue's entries give in ``reads``.
READ = {
    "tables": list(TABLES.values()),
    "ranks": "results/tables/ranks.parquet",
    "tests": "results/tables/tests.parquet",
    "predictions": "results/tables/predictions.parquet",
    "prepared": "results/data/{dataset}/prepared.h5ad",
    "maps": "results/maps/{dataset}.parquet",
    "pca": "results/pca/{dataset}.parquet",
    "markers": "results/markers/{dataset}.parquet",
    "clusters": clusters_of,
    "embeddings": embeddings_of,
    "decoded": decoded_of,
    "latents": latents_of,
    "means": means_of_predictions,
}


CATEGORIES = {"study": "Study", "dataset": "Data sets", "kind": "Models", "thesis": "Thesis"}


# A job a data set, and one each for the study, the plates and the thesis: its figures, and beside each its caption.
for name, unit in figure_jobs.units(study).items():

    rule:
        name:
            f"draw_{name}"
        input:
            **{read: READ[read] for read in unit.reads},
            code=library("draw", *unit.modules),
            style=f"{workflow.basedir}/workflow_scripts/latentbench/figures/latentbench.mplstyle",
        output:
            pdf=figure_files(unit.stems, "pdf"),
            svg=figure_files(unit.stems, "svg"),
            png=[
                report(
                    figure,
                    caption=str(Path.cwd() / caption),
                    category=CATEGORIES[unit.per],
                    subcategory=name if unit.per == "dataset" else None,
                    labels={"figure": label},
                )
                for figure, caption, label in zip(
                    figure_files(unit.stems, "png"), figure_files(unit.files, "rst"), unit.labels
                )
            ],
            caption=figure_files(unit.stems, "rst"),
        log:
            f"results/logs/draw/{'{dataset}' if unit.per == 'dataset' else name}.log",
        wildcard_constraints:
            dataset=name,
        conda:
            "../envs/figures.yaml"
        threads: 1
        params:
            figures=unit.drawings,
            reads=unit.reads,
            options=lookup(dpath="report/maps", within=config, default={}),
        message:
            f"draw the figures of {name}"
        script:
            "../workflow_scripts/draw.py"
