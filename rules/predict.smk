# Stimulated cells of one cell type at a time, predicted by models that never saw them, and, where
# the config asks for it, by models that saw all cells (config key predictions; by its nature it
# uses the cell types). One job a (data set, model): all its seeds are trained anew for every set
# of training cells.


rule predict:
    input:
        prepared=rules.preprocess.output.prepared,
        code=library_with_kind("predict"),
    output:
        predictions="results/predictions/models/{dataset}/{model}.tsv",
        means="results/predictions/means/{dataset}/models/{model}.parquet",
    log:
        "results/logs/predict/{dataset}/{model}.log",
    benchmark:
        "results/benchmarks/predict/{dataset}/{model}.tsv"
    conda:
        training_environment()
    threads: 1
    resources:
        gpu=0,
    params:
        variant=told(parameters.variant),
        request=told(parameters.request),
        seeds=study.seeds,
    message:
        "predict stimulated cells of {wildcards.dataset} by {wildcards.model}"
    script:
        "../workflow_scripts/predict.py"


rule predict_baselines:
    input:
        prepared=rules.preprocess.output.prepared,
        code=library("predict_baselines"),
    output:
        predictions="results/predictions/baselines/{dataset}.tsv",
        means="results/predictions/means/{dataset}/baselines.parquet",
    log:
        "results/logs/predict_baselines/{dataset}.log",
    conda:
        training_environment()
    threads: 1
    params:
        request=told(parameters.request),
    message:
        "predict stimulated cells of {wildcards.dataset} without a network"
    script:
        "../workflow_scripts/predict_baselines.py"


rule collect_predictions:
    input:
        parts=together(
            of(rules.predict.output.predictions, plan.predicting),
            of(rules.predict_baselines.output.predictions, plan.asked_to_predict),
        ),
        code=library("collect_predictions"),
    output:
        predictions=multiext("results/tables/predictions", ".tsv", ".parquet"),
        summary=multiext("results/tables/predictions_summary", ".tsv", ".parquet"),
    log:
        "results/logs/collect_predictions.log",
    conda:
        "../envs/evaluate.yaml"
    threads: 1
    message:
        "collect the predictions of the study"
    script:
        "../workflow_scripts/collect_predictions.py"
