# What people read: maps, figures, one notebook a data set, one page. Every figure comes as pdf and svg for papers and as png.


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


rule draw_figures:
    input:
        **TABLES,
        ranks="results/tables/ranks.parquet",
        tests="results/tables/tests.parquet",
        code=library("draw_figures"),
        style=f"{workflow.basedir}/workflow_scripts/latentbench/reporting/latentbench.mplstyle",
    output:
        scores=[
            "results/figures/scores.pdf",
            "results/figures/scores.svg",
            report(
                "results/figures/scores.png",
                caption="../report/scores.rst",
                category="Study",
                labels={"figure": "scores"},
            ),
        ],
        cost=[
            "results/figures/cost.pdf",
            "results/figures/cost.svg",
            report(
                "results/figures/cost.png",
                caption="../report/cost.rst",
                category="Study",
                labels={"figure": "time and memory"},
            ),
        ],
        ranks=[
            "results/figures/ranks.pdf",
            "results/figures/ranks.svg",
            report(
                "results/figures/ranks.png",
                caption="../report/ranks.rst",
                category="Study",
                labels={"figure": "ranks"},
            ),
        ],
    log:
        "results/logs/draw_figures.log",
    conda:
        "../envs/figures.yaml"
    threads: 1
    message:
        "draw the figures of the study"
    script:
        "../workflow_scripts/draw_figures.py"


rule draw_plates:
    input:
        code=library("draw_plates", *modules_of_networks()),
        style=f"{workflow.basedir}/workflow_scripts/latentbench/reporting/latentbench.mplstyle",
    output:
        pdf=expand("results/figures/plates/{kind}.pdf", kind=networks_of_study()),
        svg=expand("results/figures/plates/{kind}.svg", kind=networks_of_study()),
        png=report(
            expand("results/figures/plates/{kind}.png", kind=networks_of_study()),
            caption="../report/plates.rst",
            category="Models",
            labels={"figure": "plates"},
        ),
    log:
        "results/logs/draw_plates.log",
    conda:
        "../envs/figures.yaml"
    threads: 1
    params:
        kinds=networks_of_study(),
    message:
        "draw the plates of the models"
    script:
        "../workflow_scripts/draw_plates.py"


rule draw_dataset_figures:
    input:
        **TABLES,
        maps="results/maps/{dataset}.parquet",
        prepared="results/data/{dataset}/prepared.h5ad",
        clusters=clusters_of,
        code=library("draw_dataset_figures"),
        style=f"{workflow.basedir}/workflow_scripts/latentbench/reporting/latentbench.mplstyle",
    output:
        multiext("results/figures/{dataset}/scores", ".pdf", ".svg"),
        multiext("results/figures/{dataset}/maps", ".pdf", ".svg"),
        multiext("results/figures/{dataset}/losses", ".pdf", ".svg"),
        multiext("results/figures/{dataset}/usage", ".pdf", ".svg"),
        multiext("results/figures/{dataset}/confusion", ".pdf", ".svg"),
        multiext("results/figures/{dataset}/calibration", ".pdf", ".svg"),
        multiext("results/figures/{dataset}/latents", ".pdf", ".svg"),
        report(
            "results/figures/{dataset}/scores.png",
            caption="../report/scores.rst",
            category="Data sets",
            subcategory="{dataset}",
            labels={"figure": "scores"},
        ),
        report(
            "results/figures/{dataset}/maps.png",
            caption="../report/maps.rst",
            category="Data sets",
            subcategory="{dataset}",
            labels={"figure": "maps"},
        ),
        report(
            "results/figures/{dataset}/losses.png",
            caption="../report/losses.rst",
            category="Data sets",
            subcategory="{dataset}",
            labels={"figure": "losses"},
        ),
        report(
            "results/figures/{dataset}/usage.png",
            caption="../report/usage.rst",
            category="Data sets",
            subcategory="{dataset}",
            labels={"figure": "sizes of clusters"},
        ),
        report(
            "results/figures/{dataset}/confusion.png",
            caption="../report/confusion.rst",
            category="Data sets",
            subcategory="{dataset}",
            labels={"figure": "confusion matrix"},
        ),
        report(
            "results/figures/{dataset}/calibration.png",
            caption="../report/calibration.rst",
            category="Data sets",
            subcategory="{dataset}",
            labels={"figure": "calibration"},
        ),
        report(
            "results/figures/{dataset}/latents.png",
            caption="../report/latents.rst",
            category="Data sets",
            subcategory="{dataset}",
            labels={"figure": "latent dimensions"},
        ),
    log:
        "results/logs/draw_dataset_figures/{dataset}.log",
    conda:
        "../envs/figures.yaml"
    threads: 1
    params:
        models=models_of,
    message:
        "draw the figures of {wildcards.dataset}"
    script:
        "../workflow_scripts/draw_dataset_figures.py"


rule run_notebook:
    input:
        **TABLES,
        maps="results/maps/{dataset}.parquet",
        prepared="results/data/{dataset}/prepared.h5ad",
        clusters=clusters_of,
        notebook=f"{workflow.basedir}/workflow_scripts/notebooks/dataset.ipynb",
        code=library("run_notebook", "reporting.notebook_views"),
        style=f"{workflow.basedir}/workflow_scripts/latentbench/reporting/latentbench.mplstyle",
    output:
        notebook="results/notebooks/{dataset}.ipynb",
        html=report(
            "results/notebooks/{dataset}.html",
            caption="../report/notebook.rst",
            category="Data sets",
            subcategory="{dataset}",
            labels={"figure": "notebook"},
        ),
    log:
        "results/logs/run_notebook/{dataset}.log",
    conda:
        "../envs/notebook.yaml"
    threads: 1
    params:
        models=models_of,
    message:
        "run the notebook of {wildcards.dataset}"
    script:
        "../workflow_scripts/run_notebook.py"


rule write_report:
    input:
        **TABLES,
        answer="results/tables/answer.parquet",
        ranks="results/tables/ranks.parquet",
        tests="results/tables/tests.parquet",
        theory="results/tables/theory.parquet",
        criteria="results/tables/criteria.parquet",
        correlations="results/tables/correlations.parquet",
        cost="results/tables/cost.parquet",
        statuses=of_study("results/models/{dataset}/{model}/status.json"),
        prepared=expand("results/data/{dataset}/prepared.h5ad", dataset=study.datasets),
        maps=expand("results/maps/{dataset}.parquet", dataset=study.datasets),
        explored=expand(
            "results/explorer/{dataset}.safetensors", dataset=study.datasets
        ),
        study_figures=figures_of_study(),
        dataset_figures=expand(
            "results/figures/{dataset}/{figure}.svg",
            dataset=study.datasets,
            figure=names_of("dataset"),
        ),
        plates=expand("results/figures/plates/{kind}.svg", kind=networks_of_study()),
        predicted=if_predicted(
            "results/tables/predictions.tsv",
            "results/tables/predictions_summary.parquet",
        ),
        notebooks=expand("results/notebooks/{dataset}.html", dataset=study.datasets),
        code=library("write_report"),
        template=page_assets(),
    output:
        page=report(
            "results/report/index.html",
            caption="../report/page.rst",
            category="Study",
            labels={"figure": "report"},
        ),
        bib="results/report/references.bib",
    log:
        "results/logs/write_report.log",
    conda:
        "../envs/report.yaml"
    threads: 1
    params:
        datasets=study.datasets,
        config=config_of_results(),
    message:
        "write the report"
    script:
        "../workflow_scripts/write_report.py"
