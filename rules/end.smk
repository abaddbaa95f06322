# The last jobs: what the study has made, with size and checksum, for `make verify`; and how it
# ended.


rule manifest:
    input:
        unpack(artefacts_by_rule),
        code=library("manifest"),
    output:
        manifest="results/manifest.tsv",
    log:
        "results/logs/manifest.log",
    conda:
        "../envs/evaluate.yaml"
    threads: 1
    params:
        of_refused=lambda wildcards: expand(rules.download.output.raw, dataset=study.refused),
    message:
        "record the checksum of every artefact"
    script:
        "../workflow_scripts/manifest.py"


rule verdict:
    input:
        status=parquet(rules.collect.output.status),
        report=rules.write_report.output.page,
        manifest=rules.manifest.output.manifest,
        annotated=of(rules.annotate.output.annotated, plan.compared),
        code=library("verdict"),
    output:
        "results/verdict.txt",
    log:
        "results/logs/verdict.log",
    conda:
        "../envs/evaluate.yaml"
    threads: 1
    params:
        refused=study.refused,
        allow_failures=config["allow_failures"],
    message:
        "say how the study ended"
    script:
        "../workflow_scripts/verdict.py"
