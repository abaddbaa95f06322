# latentbench: which latent-variable model finds the groups in my data, and how sure can I be?
# The flow, one file a stage: download -> preprocess -> train -> evaluate -> report.
from snakemake.utils import min_version

min_version("9.0")


configfile: f"{workflow.basedir}/config/config.yaml"


report: "report/workflow.rst"


include: "rules/common.smk"
include: "rules/data.smk"
include: "rules/preprocess.smk"
include: "rules/train.smk"
include: "rules/predict.smk"
include: "rules/evaluate.smk"
include: "rules/theory.smk"
include: "rules/figures.smk"
include: "rules/report.smk"
include: "rules/end.smk"
include: "rules/validate.smk"


rule all:
    default_target: True
    input:
        artefacts,
        rules.manifest.output,
        rules.verdict.output,
    message:
        "the study is complete"
