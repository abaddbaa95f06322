import ast
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from latentbench.code_dependencies import library_files

SCRIPTS = Path(__file__).parents[1] / "workflow_scripts"
LIBRARY = SCRIPTS / "latentbench"


def names(script, *also):
    return {
        str(Path(path).relative_to(LIBRARY))
        for path in library_files(SCRIPTS / f"{script}.py", *also, library=LIBRARY)
    }


def test_imports_are_followed_through_modules_to_the_end():
    assert {
        "training/fit.py",
        "maths/random_streams.py",
        "outcomes.py",
        "training/__init__.py",
        "__init__.py",
    } <= names("train")


def test_a_model_is_an_input_of_its_own_training_only():
    assert "models/vae.py" in names("train", "models.vae")
    assert not {"models/vae.py", "models/gmvae.py", "models/references.py"} & names("train")
    assert "models/gmvae.py" not in names("train", "models.vae")


def test_stages_do_not_depend_on_each_other():
    evaluation = names("cluster") | names("consensus") | names("score")
    assert not any(
        name.startswith(("report/", "figures/"))
        for name in names("train") | evaluation | names("preprocess")
    )
    assert not any(name.startswith("training/") for name in names("preprocess") | evaluation)


def test_what_reads_labels_is_out_of_reach_of_what_clusters():
    assert "evaluation/scores.py" in names("score")
    assert not {"evaluation/scores.py", "evaluation/calibration.py", "evaluation/selection.py"} & (
        names("cluster") | names("consensus")
    )


def test_only_figures_are_drawn_with_seaborn_and_no_training_imports_it_or_scanpy():
    drawing = {
        str(path.relative_to(LIBRARY))
        for path in LIBRARY.rglob("*.py")
        if re.search(r"^import (seaborn|scanpy)|^from scanpy", path.read_text(), re.MULTILINE)
    }
    assert not drawing & (names("train") | names("predict") | names("write_report"))
    assert not drawing & names("draw_maps")


def modules_by_parser(path):
    """What a file's import statements name, as Python's own parser reads them."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def files_of(modules):
    """The library files that such names stand for, and those of the packages above them."""
    parts = [name.split(".")[1:] for name in modules if name.split(".")[0] == "latentbench"]
    bases = {LIBRARY.joinpath(*each[:depth]) for each in parts for depth in range(len(each) + 1)}
    candidates = {
        file for base in bases for file in (base.with_suffix(".py"), base / "__init__.py")
    }
    return {str(file) for file in candidates if file.is_file()}


def test_what_is_found_by_a_pattern_is_what_the_parser_finds():
    for path in SCRIPTS.rglob("*.py"):
        expected = set()
        waiting = files_of(modules_by_parser(path))
        while waiting:
            file = waiting.pop()
            expected.add(file)
            waiting |= files_of(modules_by_parser(Path(file))) - expected
        assert set(library_files(path, library=LIBRARY)) == expected, path


@pytest.mark.parametrize(
    "code",
    [
        "from latentbench import models",
        "import os, latentbench.models as m",
        "def f():\n    from latentbench.models import (\n        MODELS,  # all\n    )",
        "if True: from latentbench import (models)",
        "x = 1; import latentbench.models",
        "from latentbench \\\n    import models",
        "import os, \\\n    latentbench.models",
    ],
)
def test_however_an_import_is_written_it_is_found(code, tmp_path):
    (tmp_path / "own.py").write_text(code + "\n")
    ast.parse(code)
    found = library_files(tmp_path / "own.py", library=LIBRARY)
    assert str(LIBRARY / "models/__init__.py") in found


@pytest.mark.parametrize("script", sorted(path.stem for path in SCRIPTS.glob("*.py")))
def test_no_library_file_knows_snakemake(script):
    for path in library_files(SCRIPTS / f"{script}.py", library=LIBRARY):
        assert "snakemake." not in Path(path).read_text(), path


def test_a_training_job_imports_neither_scanpy_nor_what_draws():
    """Every job would pay for it; the one model that is scanpy's recipe imports it on use."""
    script = (
        "import sys, train\n"
        "from latentbench.models import MODELS\n"
        "[kind.load() for kind in MODELS.values()]\n"
        "print(sorted({'scanpy', 'seaborn', 'matplotlib', 'statsmodels'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, "PYTHONPATH": str(SCRIPTS)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "[]"
