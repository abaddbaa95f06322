"""Every block of the documentation is run or checked: Python is executed, YAML is part of a valid
study, a command line is one that make, Snakemake or the project's scripts take. What cannot be
checked here is listed below with its reason, not passed over.
"""

import json
import re
import runpy
import shlex
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import yaml
from anndata import AnnData
from markdown_it import MarkdownIt
from snakemake.cli import get_argument_parser, parse_config
from snakemake.utils import update_config
from training_calls import fit, observed_classes

from latentbench.outcomes import Outcome
from latentbench.study.sheets import numbers_of, read_yaml
from latentbench.study.study import load_study
from latentbench.training.replicas import build_replicas

ROOT = Path(__file__).parents[1]
PAGES = [
    *sorted(ROOT.glob("*.md")),
    *sorted(path for path in ROOT.glob("docs/*.md") if ".template" not in path.name),
    *sorted(ROOT.glob("config/*.md")),
    *sorted(ROOT.glob("benchmarks/*.md")),
]
LANGUAGES = {"bash", "yaml", "python", "snakemake", "json", "text"}
"""What a fence may say; an indented block is text: a drawing, an equation, what a program says."""
NOT_OURS = {
    "git": "an address that only the reader knows",
    "cd": "the folder of that address",
    "source": "the activation of an environment, which the shell does",
    "export": "a variable of the shell",
    "python3": "makes an environment; `make environment` is what the tests run in",
    "pip": "installs into an environment",
    "squeue": "SLURM's own",
    "scancel": "SLURM's own",
    "sha256sum": "the system's own",
    "echo": "the system's own",
}
"""Commands that are not run or parsed here, each with the reason; files that they name with `-r`
must exist."""
NOT_INSTALLED = {
    "kubernetes": "needs a plugin that the lock does not carry; the page says that it is not tried",
    "aws-batch": "needs a plugin that the lock does not carry; the page says that it is not tried",
}
"""Executors of Snakemake whose options its parser knows only where their plugin is installed."""
STAND_INS = ("mydata", "my_cells")
"""Data sets of the reader's own that the pages name."""
MODELS_SHEET = ROOT / "config/models.yaml"


@dataclass(frozen=True)
class Block:
    """A block of code, or a line of it in the text."""

    page: str
    line: int
    language: str
    text: str

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"


def blocks_of(page: Path) -> Iterator[Block]:
    name = str(page.relative_to(ROOT))
    for token in MarkdownIt("commonmark").enable("table").parse(page.read_text(encoding="utf-8")):
        line = token.map[0] + 1 if token.map else 0
        if token.type == "fence":
            yield Block(name, line, token.info, token.content)
        elif token.type == "code_block":
            yield Block(name, line, "text", token.content)
        for child in token.children or []:
            if child.type == "code_inline" and re.match(r"(make|snakemake)( |$)", child.content):
                yield Block(name, line, "bash", child.content)


BLOCKS = [block for page in PAGES for block in blocks_of(page)]


def of(*languages: str) -> list[Block]:
    return [block for block in BLOCKS if block.language in languages]


def commands(text: str) -> Iterator[list[str]]:
    """Yield the words of every command of a shell text, without the variables set before it and
    the file that takes its output.
    """
    text = re.sub(r"<[\w ]+>", "PLACEHOLDER", text.replace("\\\n", " "))
    for line in text.splitlines():
        reader = shlex.shlex(line, posix=True, punctuation_chars=True)
        reader.whitespace_split = True
        words: list[str] = []
        for before, word in pairwise(["", *reader, ";"]):
            if word in ("&&", "||", "|", ";"):
                yield from [words] if words else []
                words = []
            elif not ({before, word} & {">", ">>"} or (not words and re.match("[A-Z_]+=", word))):
                words.append(word)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The checkout of a reader who followed the pages: with data and a study of their own."""
    folder = tmp_path_factory.mktemp("reader")
    for path in ROOT.iterdir():
        if path.name not in (".git", ".venv", "config", "results"):
            (folder / path.name).symlink_to(path)
    (folder / "config").mkdir()
    for path in (ROOT / "config").iterdir():
        (folder / "config" / path.name).symlink_to(path)
    cells = AnnData(np.random.default_rng(0).poisson(1.0, (60, 1500)).astype(np.float32))
    cells.obs["cell_type"] = np.repeat(["a", "b", "c"], 20)
    codes = np.random.default_rng(1).normal(size=(60, 4)) + 9 * np.eye(3, 4).repeat(20, axis=0)
    cells.obsm.update({"X_scVI": codes, "X_pca": codes[:, ::-1].copy()})
    cells.obs["leiden"] = cells.obs["louvain"] = np.repeat(["0", "1", "2"], 20)
    cells.write_h5ad(folder / "my.h5ad")
    sheet = folder / "config/datasets.tsv"
    header, *rows = sheet.read_text().splitlines()
    told = {"modality": "counts", "sources": "my.h5ad", "label": "cell_type", "n_clusters": "8"}
    told["preset"] = "counts_standard"
    mine = [
        "\t".join({**told, "dataset": name}.get(column, "") for column in header.split("\t"))
        for name in STAND_INS
    ]
    sheet.unlink()
    sheet.write_text("\n".join([header, *rows, *mine, ""]))
    (folder / "my_study.yaml").write_text("datasets: [digits]\n")
    (folder / "cells.h5ad").symlink_to(folder / "my.h5ad")
    return folder


@pytest.fixture
def reader(folder, monkeypatch):
    monkeypatch.chdir(folder)
    own = next(block for block in of("python") if "class LaplaceVAE" in block.text)
    (folder / "laplace_vae.py").write_text(own.text)
    return folder


def merged(*layers: dict) -> dict:
    """Return config/config.yaml with further layers over it, as Snakemake lays them."""
    config = read_yaml(ROOT / "config/config.yaml")
    for layer in layers:
        update_config(config, layer)
    return config


def load(config: dict, reader: Path):
    return load_study(
        config, named="the page", schemas=ROOT / "config/schemas", folders=[reader, ROOT]
    )


def named_files_are_there(words: list[str]) -> None:
    named = [after for word, after in pairwise(words) if word in ("-r", "--requirement")]
    assert [path for path in named if not Path(path).exists()] == []


def check_make(words: list[str]) -> None:
    """A target, and what it would run."""
    fixed = ["make", "--dry-run", "--old-file", ".venv/.installed"]
    fixed += ["--old-file", ".bench-venv/.installed"]
    shown = subprocess.run([*fixed, *words[1:]], capture_output=True, text=True, check=False)
    assert shown.returncode == 0, shown.stderr
    set_here = {word.split("=")[0] for word in words if re.match(r"[A-Z_]+=", word)}
    used = Path("Makefile").read_text()
    assert [name for name in set_here if not re.search(rf"\b{name}\b", used)] == []
    for command in commands(shown.stdout):
        CHECKS.get(Path(command[0]).name, lambda words: None)(command)


def check_snakemake(words: list[str]) -> None:
    """Its options, the files that they name, and the study that they make."""
    if set(words) & set(NOT_INSTALLED):
        return
    try:
        options = get_argument_parser().parse_args(words[1:])
    except SystemExit:
        pytest.fail(f"Snakemake does not take {words}")
    if options.snakefile is not None:
        assert Path(options.snakefile).name == "Snakefile"
    profile = options.workflow_profile
    if profile is not None:
        assert (ROOT / "profiles" / Path(profile).name / "config.yaml").is_file()
    given = parse_config(options.config)
    files = [read_yaml(path) for path in options.configfile or []]
    load(merged(*files, {key: numbers_of(value) for key, value in given.items()}), Path.cwd())


def check_python(words: list[str]) -> None:
    """The script, the module or the tests are there."""
    first, *rest = words[1:]
    if first == "-m" and rest[0] == "pytest":
        paths = [word for word in rest[1:] if word.startswith("tests")]
        assert [path for path in paths if not (ROOT / path.split("::")[0]).exists()] == []
    elif first == "-m" and rest[0] != "pip":
        module = ROOT / "workflow_scripts" / Path(*rest[0].split("."))
        assert module.with_suffix(".py").is_file()
    elif first != "-m":
        assert (ROOT / first).is_file()


CHECKS = {
    "make": check_make,
    "snakemake": check_snakemake,
    "python": check_python,
    "pytest": lambda words: check_python(["python", "-m", *words]),
    "ruff": lambda words: None,
    "snakefmt": lambda words: None,
    "pre-commit": lambda words: None,
}


def test_every_block_says_what_it_is():
    assert {block.language for block in BLOCKS} <= LANGUAGES
    starts = re.compile(
        r"^\s*((make|snakemake|pip|git|python3?|\.venv/\S+) [\w-]|(from|import) [\w.]+)",
        re.MULTILINE,
    )
    assert [str(block) for block in of("text") if starts.search(block.text)] == []
    assert [str(block) for block in of("text") if is_config(block.text)] == []


def is_config(text: str) -> bool:
    try:
        read = yaml.safe_load(text)
    except yaml.YAMLError:
        return False
    return isinstance(read, dict) and bool(read.keys() & merged().keys())


@pytest.mark.parametrize("block", of("bash"), ids=str)
def test_a_command_is_one_that_the_project_takes(block, reader):
    for words in commands(block.text):
        name = Path(words[0]).name
        assert name in CHECKS or name in NOT_OURS, f"{name}: neither checked nor listed"
        CHECKS.get(name, named_files_are_there)(words)


def targets() -> list[str]:
    phony = re.search(r"^\.PHONY: (.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    return phony[1].split()


@pytest.mark.parametrize("target", targets())
def test_a_target_of_the_makefile_runs_what_is_there(target, reader):
    told = ["A=results", "B=results", "DATA=my.h5ad", "EMBEDDINGS=X_pca", "CLUSTERINGS=leiden"]
    check_make(["make", target, *told])


def variants_in(read: dict) -> dict:
    """The variants of a block: a models sheet, or the training of one."""
    if "kind" in read:
        return {"shown": read}
    if all(isinstance(value, dict) and "kind" in value for value in read.values()):
        return read
    return {}


@pytest.mark.parametrize("block", of("yaml"), ids=str)
def test_a_block_of_yaml_is_part_of_a_valid_study(block, reader):
    read = yaml.safe_load(block.text)
    variants = variants_in(read)
    if variants:
        sheet = reader / "shown_models.yaml"
        sheet.write_text(yaml.safe_dump({**read_yaml(MODELS_SHEET), **variants}))
        read = {"sheets": {"models": sheet.name}, "models": ["pca", *variants]}
    assert load(merged(read), reader).config


TRAINED = next(block for block in of("yaml") if "# Stop when" in block.text)


@pytest.mark.parametrize("name", yaml.safe_load(TRAINED.text))
def test_an_example_trains(name, training_data):
    variant, data = yaml.safe_load(TRAINED.text)[name], training_data("counts")
    options = {"n_clusters": 3} if variant["kind"] == "gmvae" else {}
    model = build_replicas(
        variant["kind"],
        data.n_vars,
        likelihood=variant["likelihood"],
        seeds=(0, 1),
        n_hidden=8,
        **options,
    )
    observed = observed_classes(
        data, seeds=(0, 1), n_clusters=options.get("n_clusters"), **variant.get("task", {})
    )
    fitted = fit(
        model,
        data,
        seeds=(0, 1),
        observed=observed,
        **{"epochs": 10, **variant["training"], "batch_size": 64},
    )
    assert [report.status for report in fitted.reports] == [Outcome.OK] * 2


@pytest.mark.parametrize("block", of("python"), ids=str)
def test_a_block_of_python_runs(block, reader):
    script = reader / "shown.py"
    script.write_text(block.text)
    runpy.run_path(str(script), run_name="shown")


@pytest.mark.parametrize("block", of("snakemake"), ids=str)
def test_a_rule_is_written_as_snakefmt_writes_it(block, tmp_path):
    rule = tmp_path / "shown.smk"
    rule.write_text(block.text)
    done = subprocess.run(
        [sys.executable, "-m", "snakefmt", "--check", str(rule)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("block", of("json"), ids=str)
def test_a_block_of_json_can_be_read(block):
    json.loads(block.text)
