# Read and check the study before anything runs. What it makes, where and from what parameters is
# decided in latentbench/plan.py and latentbench/study/, which tests can call; here is only what
# brings their answers into the form that Snakemake asks for.
import os
import subprocess
import sys
import time
from inspect import signature
from pathlib import Path

WORKFLOW = Path(str(workflow.current_basedir)).parent
SCRIPTS = WORKFLOW / "workflow_scripts"
sys.path.insert(0, str(SCRIPTS))

from latentbench import plan
from latentbench.code_dependencies import library_files, modules_in, page_assets
from latentbench.figures import jobs as figure_jobs
from latentbench.logs import failures_since
from latentbench.study import parameters
from latentbench.study.ending import account_of, command_without, refused_datasets
from latentbench.study.sheets import numbers_of, read_yaml
from latentbench.study.study import laid_over, load_study
from snakemake.exceptions import WorkflowError


def read_study():
    """The study of config, laid over the default one; a mistake is a sentence, not a traceback."""
    named = ", ".join(str(path) for path in workflow.configfiles) or "config"
    try:
        for path in workflow.configfiles:
            read_yaml(Path(path))
        for key in set(workflow.config_settings.config or {}) & set(config):
            config[key] = numbers_of(config[key])
        return load_study(
            laid_over(read_yaml(WORKFLOW / "config" / "config.yaml"), config),
            named=named,
            schemas=WORKFLOW / "config" / "schemas",
            folders=[Path.cwd(), WORKFLOW],
        )
    except ValueError as mistake:
        raise WorkflowError(str(mistake)) from None


study = read_study()
config.update(study.config)
STARTED = time.time()


wildcard_constraints:
    chapter="|".join(study.chapters),
    dataset="|".join(study.prepared_datasets),
    model="|".join(study.known_models),


onerror:
    failures = failures_since(STARTED, Path("results/logs"))
    refused = refused_datasets(failures) if runs_whole_study() else {}
    print(f"\n{account_of(failures, goes_on_without=list(refused))}\n", file=sys.stderr)
    if refused:
        given = workflow.config_settings.config or {}
        subprocess.run(command_without(refused, sys.argv[1:], given))


def runs_whole_study():
    """Whether a user asked for the whole study, and all of it that can run has run."""
    asked = workflow.is_main_process and set(workflow.dag_settings.targets) <= {"all"}
    left = {*workflow.scheduler.open_jobs, *workflow.scheduler.running}
    return asked and not left and not workflow.scheduler._user_kill


def of(path, where):
    """Input: the files of an output, of the units of the plan that the reader's wildcards leave."""
    patterns = [path] if isinstance(path, str) else list(path)
    return lambda wildcards: plan.files(patterns, where(study), dict(wildcards.items()))


def together(*inputs):
    """Input: the files of several inputs, one after the other."""
    return lambda wildcards: [path for each in inputs for path in each(wildcards)]


def of_another(rule, output, another):
    """Input: a file of another unit, if the study names one; the rule may be the reader itself."""
    unit = told(another)

    def path(wildcards):
        found = unit(wildcards)
        return plan.files([getattr(rules, rule).output[output]], [found])[0] if found else []

    return path


def told(parameter):
    """Params: what a function of the study says; it is given the wildcards that it names."""
    named = set(signature(parameter).parameters) - {"study"}
    return lambda wildcards: parameter(study, **{name: wildcards[name] for name in named})


def parquet(output):
    """Of the files of a table, the one that tables are read from."""
    files = [output] if isinstance(output, str) else output
    return next(str(path) for path in files if path.endswith(".parquet"))


def figure_files(stems, suffix):
    """The files of figures, which the catalogue names by their stems."""
    return expand("results/figures/{stem}.{suffix}", stem=stems, suffix=suffix)


def drawn(which, suffix):
    """Input: files of the figures that a function of the plan names, by their stems."""
    stems = told(which)
    return lambda wildcards: figure_files(stems(wildcards), suffix)


def artefacts_by_rule(wildcards):
    """Input: every artefact of the study, by the rule that makes it."""
    formats = ["pdf", "svg", "png", "rst"]
    return {
        step.rule: (
            figure_files(figure_jobs.stems(study, step.figures), formats)
            if step.figures
            else plan.files(getattr(rules, step.rule).output, step.where(study))
        )
        for step in plan.artefact_steps()
    }


def artefacts(wildcards):
    """Input: every artefact of the study, so that one that is gone is made again."""
    return [path for paths in artefacts_by_rule(wildcards).values() for path in paths]


def library(script, *also):
    """Input: the library files that a script runs, so that an edit reruns what it touches."""
    return library_files(SCRIPTS / f"{script}.py", *also, library=SCRIPTS / "latentbench")


def library_with_kind(script):
    """Input: the library files of a script, and the file of the variant's own kind."""
    return lambda wildcards: library(script, *parameters.modules_of(study, wildcards.model))


def training_environment():
    """The environment file of training: with a CUDA build of torch where the machine says so."""
    build = "train_gpu" if os.environ.get("LATENTBENCH_GPU") else "train"
    return f"../envs/{build}.yaml"
