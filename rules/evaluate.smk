# Clusterings and their consensus, which no label reaches: none of their inputs holds one. Then
# scores against the labels, the study's tables, and the data set given back with what was found.


rule cluster:
    input:
        embedding=rules.train.output.embedding,
        status=rules.train.output.status,
        code=library("cluster"),
    output:
        clusters="results/clusters/{dataset}/{model}.parquet",
        criteria="results/criteria/{dataset}/{model}.tsv",
        members="results/members/{dataset}/{model}.parquet",
    log:
        "results/logs/cluster/{dataset}/{model}.log",
    benchmark:
        "results/benchmarks/cluster/{dataset}/{model}.tsv"
    conda:
        "../envs/evaluate.yaml"
    threads: 1
    params:
        n_clusters=told(parameters.n_clusters),
        clustering=config["evaluation"]["clustering"],
        is_member=told(parameters.is_member),
    message:
        "cluster {wildcards.model} on {wildcards.dataset}"
    script:
        "../workflow_scripts/cluster.py"


rule consensus:
    input:
        clusters=of(rules.cluster.output.clusters, plan.members),
        criteria=of(rules.cluster.output.criteria, plan.members),
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
        members=told(parameters.members),
        seeds=study.seeds,
        n_clusters=told(parameters.n_clusters),
    message:
        "find what the models agree on in {wildcards.dataset}"
    script:
        "../workflow_scripts/consensus.py"


rule answer:
    input:
        prepared=rules.preprocess.output.prepared,
        embeddings=of(rules.train.output.embedding, plan.members),
        members=of(rules.cluster.output.members, plan.members),
        code=library("answer"),
    output:
        cells="results/answers/{dataset}/cells.parquet",
        markers="results/answers/{dataset}/markers.parquet",
        summary="results/answers/{dataset}/summary.tsv",
        groups="results/answers/{dataset}/groups.tsv",
        models="results/answers/{dataset}/models.tsv",
        tree="results/answers/{dataset}/tree.tsv",
        agreement="results/answers/{dataset}/agreement.tsv",
        numbers="results/answers/{dataset}/numbers.tsv",
    log:
        "results/logs/answer/{dataset}.log",
    benchmark:
        "results/benchmarks/answer/{dataset}.tsv"
    conda:
        "../envs/evaluate.yaml"
    threads: 1
    params:
        models=told(parameters.members),
        n_clusters=told(parameters.n_clusters),
    message:
        "find the groups of {wildcards.dataset}, without labels"
    script:
        "../workflow_scripts/answer.py"


rule collect_answers:
    input:
        summary=of(rules.answer.output.summary, plan.compared),
        groups=of(rules.answer.output.groups, plan.compared),
        models=of(rules.answer.output.models, plan.compared),
        tree=of(rules.answer.output.tree, plan.compared),
        agreement=of(rules.answer.output.agreement, plan.compared),
        numbers=of(rules.answer.output.numbers, plan.compared),
        code=library("collect_answers"),
    output:
        summary=multiext("results/tables/answer_summary", ".tsv", ".parquet"),
        groups=multiext("results/tables/answer_groups", ".tsv", ".parquet"),
        models=multiext("results/tables/answer_models", ".tsv", ".parquet"),
        tree=multiext("results/tables/answer_tree", ".tsv", ".parquet"),
        agreement=multiext("results/tables/answer_agreement", ".tsv", ".parquet"),
        numbers=multiext("results/tables/answer_numbers", ".tsv", ".parquet"),
    log:
        "results/logs/collect_answers.log",
    conda:
        "../envs/evaluate.yaml"
    threads: 1
    message:
        "collect the answers of the study"
    script:
        "../workflow_scripts/collect_answers.py"


rule score:
    input:
        prepared=rules.preprocess.output.prepared,
        embeddings=of(rules.train.output.embedding, plan.evaluated),
        statuses=of(rules.train.output.status, plan.evaluated),
        histories=of(rules.train.output.history, plan.evaluated),
        quality=of(rules.train.output.quality, plan.evaluated),
        clusters=of(rules.cluster.output.clusters, plan.evaluated),
        criteria=of(rules.cluster.output.criteria, plan.evaluated),
        consensus_clusters=of(rules.consensus.output.clusters, plan.agreeing),
        consensus_criteria=of(rules.consensus.output.criteria, plan.agreeing),
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
        n_clusters=told(parameters.n_clusters),
        scoring=config["evaluation"]["scoring"],
    message:
        "score the models on {wildcards.dataset} against its labels"
    script:
        "../workflow_scripts/score.py"


rule integrate:
    input:
        prepared=rules.preprocess.output.prepared,
        embeddings=of(rules.train.output.embedding, plan.evaluated),
        statuses=of(rules.train.output.status, plan.evaluated),
        code=library("integrate"),
    output:
        "results/integration/{dataset}.tsv",
    log:
        "results/logs/integrate/{dataset}.log",
    conda:
        "../envs/integrate.yaml"
    threads: 1
    params:
        n_clusters=told(parameters.n_clusters),
    message:
        "score how the models mix the batches of {wildcards.dataset}"
    script:
        "../workflow_scripts/integrate.py"


rule analyse_pca:
    input:
        prepared=rules.preprocess.output.prepared,
        weights=of(rules.train.output.weights, plan.linear_autoencoders),
        statuses=of(rules.train.output.status, plan.linear_autoencoders),
        code=library("analyse_pca"),
    output:
        pca="results/pca/{dataset}.parquet",
    log:
        "results/logs/analyse_pca/{dataset}.log",
    conda:
        "../envs/evaluate.yaml"
    threads: 1
    params:
        models=told(parameters.linear_autoencoders),
    message:
        "principal components of {wildcards.dataset}"
    script:
        "../workflow_scripts/analyse_pca.py"


rule collect:
    input:
        integration=of(rules.integrate.output, plan.integrated),
        scores=of(rules.score.output.scores, plan.scored),
        histories=of(rules.train.output.history, plan.evaluated),
        statuses=of(rules.train.output.status, plan.evaluated),
        consensus=of(rules.consensus.output.status, plan.agreeing),
        quality=of(rules.train.output.quality, plan.evaluated),
        reliability=of(rules.score.output.reliability, plan.scored),
        code=library("collect"),
    output:
        scores=multiext("results/tables/scores", ".tsv", ".parquet"),
        summary=multiext("results/tables/summary", ".tsv", ".parquet"),
        answer=multiext("results/tables/answer", ".tsv", ".parquet"),
        choices=multiext("results/tables/choices", ".tsv", ".parquet"),
        criteria=multiext("results/tables/criteria", ".tsv", ".parquet"),
        correlations=multiext("results/tables/correlations", ".tsv", ".parquet"),
        quality=multiext("results/tables/quality", ".tsv", ".parquet"),
        reliability=multiext("results/tables/reliability", ".tsv", ".parquet"),
        ranks=multiext("results/tables/ranks", ".tsv", ".parquet"),
        tests=multiext("results/tables/tests", ".tsv", ".parquet"),
        cost=multiext("results/tables/cost", ".tsv", ".parquet"),
        status=multiext("results/tables/status", ".tsv", ".parquet"),
        history="results/tables/history.parquet",
    log:
        "results/logs/collect.log",
    conda:
        "../envs/evaluate.yaml"
    threads: 1
    params:
        not_applicable=study.not_applicable,
        kinds=parameters.kinds(study),
        tuned_on=parameters.tuned_on(study),
        circular=parameters.circular(study),
        statistics=config["evaluation"]["statistics"],
        rule=config["evaluation"]["selection"],
    message:
        "collect the tables of the study and check its controls"
    script:
        "../workflow_scripts/collect.py"


# The tables that figures, notebooks and the report are made from.
TABLES = {
    name: parquet(rules.collect.output[name])
    for name in ["scores", "summary", "status", "history", "choices", "reliability", "quality"]
}


rule compare_published:
    input:
        sheet=study.sheets.get("published", []),
        scores=parquet(rules.collect.output.scores),
        predictions=of(parquet(rules.collect_predictions.output.predictions), plan.where_predicted),
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
        prepared=rules.preprocess.output.prepared,
        embeddings=of(rules.train.output.embedding, plan.evaluated),
        clusters=of(rules.cluster.output.clusters, plan.evaluated),
        consensus=of(rules.consensus.output.clusters, plan.agreeing),
        scores=rules.score.output.scores,
        cells=rules.answer.output.cells,
        summary=rules.answer.output.summary,
        groups=rules.answer.output.groups,
        models=rules.answer.output.models,
        tree=rules.answer.output.tree,
        code=library("annotate"),
    output:
        annotated="results/data/{dataset}/annotated.h5ad",
    log:
        "results/logs/annotate/{dataset}.log",
    conda:
        "../envs/evaluate.yaml"
    threads: 1
    params:
        models=told(parameters.models),
        kinds=parameters.kinds(study),
        rule=config["evaluation"]["selection"],
        layout=parameters.maps_options(study).get("layout", "tsne"),
    message:
        "annotate {wildcards.dataset} with its groups, and every model's embedding and clusters"
    script:
        "../workflow_scripts/annotate.py"


rule find_markers:
    input:
        annotated=rules.annotate.output.annotated,
        code=library("find_markers"),
    output:
        markers="results/markers/{dataset}.parquet",
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
        parts=of(rules.find_markers.output.markers, plan.of_counts),
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
