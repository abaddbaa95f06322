import re
from pathlib import Path

import pandas as pd

from latentbench.determinism import ON_ANOTHER_MACHINE, is_measured, not_the_same

ROOT = Path(__file__).parents[1]


def manifest(**checksums):
    return pd.DataFrame({"path": list(checksums), "sha256": list(checksums.values())})


def test_every_rule_that_makes_something_declares_its_class():
    rules = {
        name
        for path in (ROOT / "rules").glob("*.smk")
        for name in re.findall(r"^rule (\w+):", path.read_text(), re.MULTILINE)
    }
    rules |= {f"draw_{jobs}" for jobs in ("study", "dataset", "plates", "thesis")}
    assert set(ON_ANOTHER_MACHINE) == rules - {"manifest", "verdict", "validate"}


def test_the_documentation_says_the_same():
    text = (ROOT / "docs/architecture.md").read_text()
    documented = {
        name: kind
        for names, kind in re.findall(
            r"^\| ([a-z_, ]+) \| (bitwise|numerically close|stochastic) \|$", text, re.MULTILINE
        )
        for name in names.split(", ")
    }
    assert documented == {name: str(kind) for name, kind in ON_ANOTHER_MACHINE.items()}


def test_what_differs_is_named_and_so_is_what_one_side_lacks():
    a, b = (
        manifest(**{"tables/scores.tsv": "1", "tables/cost.tsv": "1", "a": "1"}),
        manifest(**{"tables/scores.tsv": "2", "tables/cost.tsv": "2", "b": "1"}),
    )
    assert not_the_same(a, b) == ["a", "b", "tables/scores.tsv"]
    assert not_the_same(a, a) == []


def test_times_and_memory_are_measured_and_scores_are_not():
    assert is_measured("models/blobs/vae/status.json")
    assert not is_measured("models/blobs/vae/weights.safetensors")
    assert not is_measured("tables/scores.parquet")
