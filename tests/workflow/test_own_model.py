"""The model of one's own that docs/models.md shows, through the rules: trained, drawn, and trained
anew when its file is edited, it alone.
"""

import json
import re
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[2] / "docs/models.md"
ENTRY = """
laplace: {kind: laplace_vae.py:LaplaceVAE, likelihood: gaussian, training: {epochs: 1}}
"""
STATUS = "results/models/blobs/{}/status.json"
PLATE = "results/figures/plates/laplace_vae-LaplaceVAE.svg"


@pytest.fixture
def workspace(fresh_workspace):
    """The tiny study with the documented model in place of the mixture."""
    folder = fresh_workspace.folder
    section = PAGE.read_text().split("## Your own model in one file")[1]
    code = re.search(r"```python\n(.*?)```", section, re.DOTALL)[1]
    (folder / "laplace_vae.py").write_text(code)
    text = (folder / "tiny.yaml").read_text().replace("quick_gmvae", "laplace")
    (folder / "tiny.yaml").write_text(text)
    with (folder / "tiny_models.yaml").open("a") as sheet:
        sheet.write(ENTRY)
    return fresh_workspace


def test_the_documented_model_is_trained_drawn_and_rerun_alone_when_edited(workspace):
    files = [STATUS.format("laplace"), STATUS.format("quick_vae"), PLATE]
    run = workspace.snakemake(*files)
    assert run.returncode == 0, run.stderr
    status = json.loads((workspace.folder / files[0]).read_text())
    assert {replica["status"] for replica in status["replicas"]} == {"ok"}
    assert (workspace.folder / PLATE).stat().st_size > 0

    own = workspace.folder / "laplace_vae.py"
    own.write_text(own.read_text() + "\n\nMINE = 1\n")
    jobs = workspace.jobs(*files)
    assert "train laplace on blobs" in jobs
    assert "train quick_vae on blobs" not in jobs
