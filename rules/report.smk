# What people read: one notebook a data set, the thesis's chapters, one page.


rule run_notebook:
    input:
        **TABLES,
        prepared="results/data/{dataset}/prepared.h5ad",
        figures=figures_of_notebook,
        notebook=f"{workflow.basedir}/workflow_scripts/notebooks/dataset.ipynb",
        code=library("run_notebook", "report.notebook_views"),
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
        sheet=origins,
    message:
        "run the notebook of {wildcards.dataset}"
    script:
        "../workflow_scripts/run_notebook.py"


rule run_chapter:
    input:
        **TABLES,
        published="results/tables/published.parquet",
        theory="results/tables/theory.parquet",
        predictions=if_predicted("results/tables/predictions_summary.parquet"),
        figures=figures_of_chapter,
        notebook=notebook_of_chapter,
        code=library("run_chapter", "report.notebook_views"),
    output:
        notebook="results/chapters/{chapter}.ipynb",
        html=report(
            "results/chapters/{chapter}.html",
            caption="../report/chapter.rst",
            category="Chapters",
            labels={"figure": "{chapter}"},
        ),
    log:
        "results/logs/run_chapter/{chapter}.log",
    conda:
        "../envs/notebook.yaml"
    threads: 1
    params:
        title=title_of_chapter,
        datasets=datasets_of_chapter,
    message:
        "write the chapter {wildcards.chapter}"
    script:
        "../workflow_scripts/run_chapter.py"


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
        explored=expand("results/explorer/{dataset}.safetensors", dataset=study.datasets),
        study_figures=figure_files(figure_jobs.stems(study, "study"), "svg"),
        dataset_figures=figure_files(figure_jobs.stems(study, "dataset"), "svg"),
        thesis_figures=figure_files(figure_jobs.stems(study, "thesis"), "svg"),
        plates=figure_files(figure_jobs.stems(study, "kind"), "svg"),
        predicted=if_predicted(
            "results/tables/predictions.parquet",
            "results/tables/predictions_summary.parquet",
        ),
        notebooks=expand("results/notebooks/{dataset}.html", dataset=study.datasets),
        chapters=expand("results/chapters/{chapter}.html", chapter=study.chapters),
        published=if_published("results/tables/published.parquet"),
        code=library("write_report", *sections_of_page()),
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
        chapters=list(study.chapters.values()),
        sheet=origins(),
    message:
        "write the report"
    script:
        "../workflow_scripts/write_report.py"


rule write_results:
    input:
        **TABLES,
        published="results/tables/published.parquet",
        ranks="results/tables/ranks.parquet",
        tests="results/tables/tests.parquet",
        criteria="results/tables/criteria.parquet",
        prepared=expand("results/data/{dataset}/prepared.h5ad", dataset=study.datasets),
        code=library("write_results"),
    output:
        "results/report/results.md",
    log:
        "results/logs/write_results.log",
    conda:
        "../envs/report.yaml"
    threads: 1
    params:
        datasets=study.datasets,
        config=config_of_results(),
        command=command_of_study(),
    message:
        "write the results as Markdown"
    script:
        "../workflow_scripts/write_results.py"
