# Clusterings that never see a label, scores against the labels, the study's tables, and the data set given back with what was found.


rule evaluate:
    input:
        prepared="results/data/{dataset}/prepared.h5ad",
        embedding="results/models/{dataset}/{model}/embedding.h5ad",
        status="results/models/{dataset}/{model}/status.json",
        history="results/models/{dataset}/{model}/history.parquet",
        code=library("evaluate"),
    output:
        scores="results/scores/{dataset}/{model}.tsv",
        clusters="results/clusters/{dataset}/{model}.parquet",
    log:
        "results/logs/evaluate/{dataset}/{model}.log",
    conda:
        "../envs/evaluate.yaml"
    threads: 1
    params:
        scoring=config["evaluation"]["scoring"],
    message:
        "evaluate {wildcards.model} on {wildcards.dataset}"
    script:
        "../workflow_scripts/evaluate.py"


rule collect:
    input:
        scores=scores_of_study(),
        histories=histories_of_study(),
        statuses=statuses_of_study(),
        code=library("collect"),
    output:
        scores="results/tables/scores.tsv",
        scores_parquet="results/tables/scores.parquet",
        summary="results/tables/summary.tsv",
        summary_parquet="results/tables/summary.parquet",
        answer="results/tables/answer.tsv",
        answer_parquet="results/tables/answer.parquet",
        ranks="results/tables/ranks.tsv",
        ranks_parquet="results/tables/ranks.parquet",
        tests="results/tables/tests.tsv",
        tests_parquet="results/tables/tests.parquet",
        status="results/tables/status.tsv",
        status_parquet="results/tables/status.parquet",
        history_parquet="results/tables/history.parquet",
    log:
        "results/logs/collect.log",
    conda:
        "../envs/evaluate.yaml"
    threads: 1
    params:
        not_applicable=study.not_applicable,
        kinds={model: study.variants[model]["kind"] for model in study.models},
        statistics=config["evaluation"]["statistics"],
    message:
        "collect the tables of the study and check its controls"
    script:
        "../workflow_scripts/collect.py"


rule annotate:
    input:
        prepared="results/data/{dataset}/prepared.h5ad",
        embeddings=embeddings_of,
        clusters=clusters_of,
        scores="results/tables/scores.tsv",
        code=library("annotate"),
    output:
        "results/data/{dataset}/annotated.h5ad",
    log:
        "results/logs/annotate/{dataset}.log",
    conda:
        "../envs/evaluate.yaml"
    threads: 1
    params:
        models=models_of,
    message:
        "annotate {wildcards.dataset} with every model's embedding and clusters"
    script:
        "../workflow_scripts/annotate.py"
