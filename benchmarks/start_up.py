"""Where the jobs of a study spend their seconds before they do anything: by rule, and by import.

Of a finished study (``--study``: the folder with its .snakemake), Snakemake's own records say how
long every job took. Every script is imported in a process of its own, once as it is and once with
nothing that Python had compiled, which is what a shell with PYTHONDONTWRITEBYTECODE asks for.
Seconds of a job are wall time, those of an import are the processor's. Writes
results/benchmarks/start_up.tsv.
"""

import argparse
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
from collections import defaultdict
from pathlib import Path

import pandas as pd
from driver import RESULTS

from latentbench.files.artefacts import write_table
from latentbench.plan import STEPS

ROOT = Path(__file__).parents[1]
SCRIPTS = ROOT / "workflow_scripts"


def jobs_of(study: Path) -> dict[str, list[float]]:
    """Return the seconds of every job that Snakemake has a record of, by the script it ran."""
    records = [
        json.loads(path.read_text())
        for path in (study / ".snakemake/metadata").rglob("*")
        if path.is_file()
    ]
    # A job has a record for each of its files, and a log of its own.
    files_of = defaultdict(list)
    for record in records:
        files_of[record["rule"], record["log"][0]].append(record)
    seconds = defaultdict(list)
    for (rule, _), files in files_of.items():
        started = min(each["starttime"] for each in files)
        seconds[script_of(rule)].append(max(each["endtime"] for each in files) - started)
    return dict(seconds)


def script_of(rule: str) -> str:
    """Return the script of a rule: those that draw share one."""
    return rule if (SCRIPTS / f"{rule}.py").exists() else rule.split("_")[0]


def seconds_of(words: list[str], **environment: str) -> tuple[float, str]:
    """Return the processor's seconds of a Python process, and what it wrote to standard error."""
    with subprocess.Popen(
        [sys.executable, *words],
        env={**os.environ, "PYTHONPATH": str(SCRIPTS), **environment},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    ) as process:
        told = process.stderr.read()
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise RuntimeError(f"{' '.join(words)}: {told}")
    return used.ru_utime + used.ru_stime, told


def packages_in(told: str) -> dict[str, float]:
    """Return the share of each package in what ``python -X importtime`` tells."""
    own = defaultdict(int)
    for microseconds, module in re.findall(r"import time: +(\d+) \| +\d+ \| +(\S+)", told):
        own[module.split(".")[0]] += int(microseconds)
    return {package: each / sum(own.values()) for package, each in own.items()}


def measured(script: str, rounds: int) -> dict[str, float | str]:
    """Return what importing a script takes, compiled and not, and the packages that take most."""
    words = ["-c", f"import {script}"]
    seconds_of(words, PYTHONDONTWRITEBYTECODE="")
    with tempfile.TemporaryDirectory() as empty:
        nothing = {"PYTHONPYCACHEPREFIX": empty, "PYTHONDONTWRITEBYTECODE": "1"}
        pairs = [(seconds_of(words)[0], seconds_of(words, **nothing)[0]) for _ in range(rounds)]
    compiled, not_compiled = (statistics.median(each) for each in zip(*pairs, strict=True))
    shares = packages_in(seconds_of(["-X", "importtime", *words])[1])
    heaviest = sorted(shares, key=shares.get, reverse=True)[:5]
    return {
        "import_seconds": round(compiled, 2),
        "import_seconds_not_compiled": round(not_compiled, 2),
        "heaviest": ", ".join(f"{name} {compiled * shares[name]:.2f}" for name in heaviest),
    }


def main(study: Path | None, scripts: list[str], rounds: int) -> None:
    """Measure and write the table."""
    jobs = jobs_of(study) if study else {}
    rows = []
    for script in scripts:
        seconds = jobs.get(script, [])
        rows.append(
            {
                "script": script,
                "jobs": len(seconds),
                "seconds": round(sum(seconds), 1),
                "median_seconds": round(statistics.median(seconds), 1) if seconds else None,
                **measured(script, rounds),
            }
        )
    table = pd.DataFrame(rows).sort_values("seconds", ascending=False, kind="stable")
    sys.stdout.write(table.to_string(index=False) + "\n")
    if jobs:
        of_imports = (table["jobs"] * table["import_seconds"]).sum()
        sys.stdout.write(
            f"{table['jobs'].sum()} jobs, {table['seconds'].sum():.0f} s, of which"
            f" {of_imports:.0f} s are imports\n"
        )
    write_table(table, RESULTS / "start_up.tsv")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--study", type=Path, help="the folder of a finished study")
    every = list(dict.fromkeys(script_of(step.rule) for step in STEPS))
    parser.add_argument("--scripts", nargs="+", choices=every, default=every, metavar="SCRIPT")
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    main(arguments.study, arguments.scripts, arguments.rounds)
