from pathlib import Path

import pytest

from latentbench.commands.plan_reference import BEGIN, END, read_rules, with_table

ROOT = Path(__file__).parents[2]


def test_the_documentation_says_the_same():
    page = (ROOT / "docs/architecture.md").read_text()
    assert page == with_table(page, ROOT / "rules"), "run: make reference"


def test_a_page_without_a_place_for_the_table_is_refused():
    with pytest.raises(ValueError, match="must be there once"):
        with_table("# Architecture\n", ROOT / "rules")
    assert with_table(f"a\n{BEGIN}\n{END}\nb\n", ROOT / "rules").endswith(f"{END}\nb\n")


def test_a_rule_says_what_it_reads_and_writes(tmp_path):
    (tmp_path / "some.smk").write_text(
        "rule a:\n"
        "    input:\n"
        "        other=rules.b.output.x,\n"
        '        own=of_another("a", "y", given),\n'
        "    output:\n"
        '        y="results/y/{dataset}.tsv",\n'
        '        both=multiext("results/z", ".tsv", ".parquet"),\n'
        "    log:\n"
        '        "results/logs/a.log",\n'
    )
    written = read_rules(tmp_path)["a"]
    assert written.reads == ("b", "a")
    assert written.writes == ("z(.tsv .parquet)", "y/{dataset}.tsv")


def test_a_path_is_written_once_at_the_rule_that_makes_it():
    written = [path for each in read_rules(ROOT / "rules").values() for path in each.writes if path]
    assert len(written) == len(set(written))
    for path in (ROOT / "rules").glob("*.smk"):
        block = ""
        for line in path.read_text().splitlines():
            if line.startswith("    ") and line[4] != " ":
                block = line.strip()
            if '"results/' in line and path.name not in ("common.smk", "figures.smk"):
                assert block in ("output:", "log:", "benchmark:") or "cache=" in line, line
