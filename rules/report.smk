# What people read: one notebook a data set, the thesis's chapters, one page.


rule run_notebook:
    input:
        **TABLES,
        prepared=rules.preprocess.output.prepared,
        figures=drawn(plan.figures_of_notebook, "png"),
        notebook=f"{SCRIPTS}/notebooks/dataset.ipynb",
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
        sheet=told(parameters.sheet_of_dataset),
    message:
        "run the notebook of {wildcards.dataset}"
    script:
        "../workflow_scripts/run_notebook.py"


rule run_chapter:
    input:
        **TABLES,
        published=parquet(rules.compare_published.output),
        theory=parquet(rules.theory.output),
        predictions=of(parquet(rules.collect_predictions.output.summary), plan.where_predicted),
        figures=drawn(plan.figures_of_chapter, "png"),
        notebook=f"{SCRIPTS}/notebooks/chapters/{{chapter}}.ipynb",
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
        title=told(parameters.title),
        datasets=told(parameters.datasets),
    message:
        "write the chapter {wildcards.chapter}"
    script:
        "../workflow_scripts/run_chapter.py"


rule write_report:
    input:
        **TABLES,
        answer=parquet(rules.collect.output.answer),
        answered=[
            parquet(rules.collect_answers.output[name])
            for name in ("summary", "groups", "models", "tree", "agreement")
        ],
        ranks=parquet(rules.collect.output.ranks),
        tests=parquet(rules.collect.output.tests),
        theory=parquet(rules.theory.output),
        criteria=parquet(rules.collect.output.criteria),
        correlations=parquet(rules.collect.output.correlations),
        cost=parquet(rules.collect.output.cost),
        statuses=of(rules.train.output.status, plan.evaluated),
        prepared=of(rules.preprocess.output.prepared, plan.compared),
        maps=of(rules.draw_maps.output.maps, plan.compared),
        explored=of(rules.explore.output.explored, plan.compared),
        study_figures=figure_files(figure_jobs.stems(study, "study"), "svg"),
        dataset_figures=figure_files(figure_jobs.stems(study, "dataset"), "svg"),
        thesis_figures=figure_files(figure_jobs.stems(study, "thesis"), "svg"),
        plates=figure_files(figure_jobs.stems(study, "kind"), "svg"),
        predicted=of(
            [
                parquet(rules.collect_predictions.output.predictions),
                parquet(rules.collect_predictions.output.summary),
            ],
            plan.where_predicted,
        ),
        notebooks=of(rules.run_notebook.output.html, plan.compared),
        chapters=of(rules.run_chapter.output.html, plan.written),
        published=of(parquet(rules.compare_published.output), plan.where_published),
        code=library("write_report", *modules_in("report.sections", SCRIPTS / "latentbench")),
        template=page_assets(SCRIPTS / "latentbench"),
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
        config=parameters.config_of_results(study),
        chapters=list(study.chapters.values()),
        sheet=parameters.sheet_of_study(study),
    message:
        "write the report"
    script:
        "../workflow_scripts/write_report.py"


rule write_results:
    input:
        **TABLES,
        published=parquet(rules.compare_published.output),
        ranks=parquet(rules.collect.output.ranks),
        tests=parquet(rules.collect.output.tests),
        criteria=parquet(rules.collect.output.criteria),
        prepared=of(rules.preprocess.output.prepared, plan.compared),
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
        config=parameters.config_in_words(study),
        command=parameters.command(
            study, [Path(path).resolve() for path in workflow.configfiles], WORKFLOW
        ),
    message:
        "write the results as Markdown"
    script:
        "../workflow_scripts/write_results.py"
