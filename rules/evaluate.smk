# Clusterings and their consensus, which no label reaches: none of their inputs holds one. Then
# scores against the labels, the study's tables, and the data set given back with what was found.


rule cluster:
    input:
        embedding="results/models/{dataset}/{model}/embedding.h5ad",
        status="results/models/{dataset}/{model}/status.json",
        code=library("cluster"),
    output:
        clusters="results/clusters/{dataset}/{model}.parquet",
        criteria="results/criteria/{dataset}/{model}.tsv",
    log:
        "results/logs/cluster/{dataset}/{model}.log",
    benchmark:
        "results/benchmarks/cluster/{dataset}/{model}.tsv"
    conda:
        "../envs/evaluate.yaml"
    threads: 1
    params:
        n_clusters=declared_clusters,
        clustering=config["evaluation"]["clustering"],
    message:
        "cluster {wildcards.model} on {wildcards.dataset}"
    script:
        "../workflow_scripts/cluster.py"


rule consensus:
    input:
        clusters=clusters_of_members,
        criteria=criteria_of_members,
        code=library("consensus"),
    output:
        clusters="results/clusters/{dataset}/consensus.parquet",
        criteria="results/criteria/{dataset}/consensus.tsv",
        status="results/models/{dataset}/consensus/status.json",
    log:
        "results/logs/consensus/{dataset}.log",
    conda:
        "../envs/evaluate.yaml"
    threads: 1
    params:
        members=members_of_consensus,
        seeds=study.seeds,
        n_clusters=declared_clusters,
    message:
        "find what the models agree on in {wildcards.dataset}"
    script:
        "../workflow_scripts/consensus.py"


rule score:
    input:
        prepared="results/data/{dataset}/prepared.h5ad",
        embeddings=embeddings_of,
        statuses=statuses_of,
        histories=histories_of,
        quality=quality_of,
        clusters=clusters_of,
        criteria=criteria_of,
        consensus_clusters=if_consensus("results/clusters/{dataset}/consensus.parquet"),
        consensus_criteria=if_consensus("results/criteria/{dataset}/consensus.tsv"),
        code=library("score"),
    output:
        scores="results/scores/{dataset}.tsv",
        reliability="results/reliability/{dataset}.tsv",
    log:
        "results/logs/score/{dataset}.log",
    conda:
        "../envs/evaluate.yaml"
    threads: 1
    params:
        scoring=config["evaluation"]["scoring"],
    message:
        "score the models on {wildcards.dataset} against its labels"
    script:
        "../workflow_scripts/score.py"


rule integrate:
    input:
        prepared="results/data/{dataset}/prepared.h5ad",
        embeddings=embeddings_of,
        statuses=statuses_of,
        code=library("integrate"),
    output:
        "results/integration/{dataset}.tsv",
    log:
        "results/logs/integrate/{dataset}.log",
    conda:
        "../envs/integrate.yaml"
    threads: 1
    message:
        "score how the models mix the batches of {wildcards.dataset}"
    script:
        "../workflow_scripts/integrate.py"


rule analyse_pca:
    input:
        prepared="results/data/{dataset}/prepared.h5ad",
        weights=linear_weights_of,
        statuses=linear_statuses_of,
        code=library("analyse_pca"),
    output:
        "results/pca/{dataset}.parquet",
    log:
        "results/logs/analyse_pca/{dataset}.log",
    conda:
        "../envs/evaluate.yaml"
    threads: 1
    params:
        models=linear_autoencoders_of,
    message:
        "principal components of {wildcards.dataset}"
    script:
        "../workflow_scripts/analyse_pca.py"


rule collect:
    input:
        integration=if_integrated(),
        scores=expand("results/scores/{dataset}.tsv", dataset=scored_datasets()),
        histories=of_study("results/models/{dataset}/{model}/history.parquet"),
        statuses=of_study("results/models/{dataset}/{model}/status.json"),
        consensus=statuses_of_consensus(),
        quality=of_study("results/models/{dataset}/{model}/quality.tsv"),
        reliability=expand("results/reliability/{dataset}.tsv", dataset=scored_datasets()),
        code=library("collect"),
    output:
        scores="results/tables/scores.tsv",
        scores_parquet="results/tables/scores.parquet",
        summary="results/tables/summary.tsv",
        summary_parquet="results/tables/summary.parquet",
        answer="results/tables/answer.tsv",
        answer_parquet="results/tables/answer.parquet",
        choices="results/tables/choices.tsv",
        choices_parquet="results/tables/choices.parquet",
        criteria="results/tables/criteria.tsv",
        criteria_parquet="results/tables/criteria.parquet",
        correlations="results/tables/correlations.tsv",
        correlations_parquet="results/tables/correlations.parquet",
        quality="results/tables/quality.tsv",
        quality_parquet="results/tables/quality.parquet",
        reliability="results/tables/reliability.tsv",
        reliability_parquet="results/tables/reliability.parquet",
        ranks="results/tables/ranks.tsv",
        ranks_parquet="results/tables/ranks.parquet",
        tests="results/tables/tests.tsv",
        tests_parquet="results/tables/tests.parquet",
        cost="results/tables/cost.tsv",
        cost_parquet="results/tables/cost.parquet",
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
        kinds=kinds_of_study(),
        statistics=config["evaluation"]["statistics"],
        rule=config["evaluation"]["selection"],
    message:
        "collect the tables of the study and check its controls"
    script:
        "../workflow_scripts/collect.py"


rule compare_published:
    input:
        sheet=study.sheets.get("published", []),
        scores="results/tables/scores.parquet",
        predictions=predictions_table,
        code=library("compare_published"),
    output:
        multiext("results/tables/published", ".tsv", ".parquet"),
    log:
        "results/logs/compare_published.log",
    conda:
        "../envs/evaluate.yaml"
    threads: 1
    params:
        n_bootstrap=config["evaluation"]["statistics"]["n_bootstrap"],
    message:
        "set published results beside those of the study"
    script:
        "../workflow_scripts/compare_published.py"


rule annotate:
    input:
        prepared="results/data/{dataset}/prepared.h5ad",
        embeddings=embeddings_of,
        clusters=clusters_of,
        consensus=if_consensus("results/clusters/{dataset}/consensus.parquet"),
        scores="results/scores/{dataset}.tsv",
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
        kinds=kinds_of_study(),
        rule=config["evaluation"]["selection"],
    message:
        "annotate {wildcards.dataset} with every model's embedding and clusters"
    script:
        "../workflow_scripts/annotate.py"


rule find_markers:
    input:
        annotated="results/data/{dataset}/annotated.h5ad",
        code=library("find_markers"),
    output:
        "results/markers/{dataset}.parquet",
    log:
        "results/logs/find_markers/{dataset}.log",
    conda:
        "../envs/evaluate.yaml"
    threads: 1
    message:
        "rank the marker genes of {wildcards.dataset}"
    script:
        "../workflow_scripts/find_markers.py"


rule collect_markers:
    input:
        parts=expand("results/markers/{dataset}.parquet", dataset=datasets_of_counts()),
        code=library("collect_markers"),
    output:
        multiext("results/tables/markers", ".tsv", ".parquet"),
    log:
        "results/logs/collect_markers.log",
    conda:
        "../envs/evaluate.yaml"
    threads: 1
    message:
        "collect the marker genes of the study"
    script:
        "../workflow_scripts/collect_markers.py"


rule verdict:
    input:
        status="results/tables/status.parquet",
        report="results/report/index.html",
        manifest="results/manifest.tsv",
        annotated=expand("results/data/{dataset}/annotated.h5ad", dataset=study.datasets),
        code=library("verdict"),
    output:
        "results/verdict.txt",
    log:
        "results/logs/verdict.log",
    conda:
        "../envs/evaluate.yaml"
    threads: 1
    params:
        allow_failures=config["allow_failures"],
    message:
        "say how the study ended"
    script:
        "../workflow_scripts/verdict.py"
