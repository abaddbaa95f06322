"""What Snakemake asks of a ``conda`` command, answered by py-rattler's solver and linker from the
channel that $CONDARC names.
"""

import argparse
import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import yaml
from rattler import Channel, VirtualPackage, install, solve
from rattler.platform import Platform

VERSION = "24.7.1"


def settings() -> dict:
    return yaml.safe_load(Path(os.environ["CONDARC"]).read_text())


async def create(specifications: list[str], channels: list[str], prefix: str) -> None:
    alias = settings()["channel_alias"].rstrip("/")
    records = await solve(
        sources=[Channel(f"{alias}/{name}") for name in channels if name != "nodefaults"],
        specs=specifications,
        platforms=[str(Platform.current()), "noarch"],
        virtual_packages=VirtualPackage.detect(),
    )
    await install(
        records,
        target_prefix=prefix,
        cache_dir=settings()["pkgs_dirs"][0],
        show_progress=False,
        execute_link_scripts=False,
    )


def create_from(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--file", required=True)
    parser.add_argument("--prefix", required=True)
    given, _ = parser.parse_known_args(arguments)
    environment = yaml.safe_load(Path(given.file).read_text())
    named = [each for each in environment["dependencies"] if isinstance(each, str)]
    asyncio.run(create(named, environment["channels"], given.prefix))
    from_pip = [
        name
        for each in environment["dependencies"]
        if isinstance(each, dict)
        for name in each["pip"]
    ]
    if from_pip:
        subprocess.run(
            [f"{given.prefix}/bin/python", "-m", "pip", "install", "--quiet", *from_pip], check=True
        )


def main(arguments: list[str]) -> int:
    answers = {
        "--version": f"conda {VERSION}",
        "info": json.dumps(
            {
                "conda_prefix": str(Path(__file__).parent),
                "platform": str(Platform.current()),
                "conda_version": VERSION,
                "envs": [],
            }
        ),
        "config": json.dumps({"get": {"channel_priority": "strict"}}),
        "clean": "",
    }
    if arguments[0] in answers:
        sys.stdout.write(f"{answers[arguments[0]]}\n")
    elif arguments[:2] == ["env", "create"]:
        create_from(arguments[2:])
    elif arguments[0] == "list":
        prefix = next(after for word, after in pairwise(arguments) if word in ("--prefix", "-p"))
        records = sorted(Path(prefix, "conda-meta").glob("*.json"))
        sys.stdout.write(
            "\n".join(["@EXPLICIT", *(json.loads(record.read_text())["url"] for record in records)])
            + "\n"
        )
    else:
        sys.stderr.write(f"not asked so far: conda {' '.join(arguments)}\n")
        return 2
    return 0


if __name__ == "__main__":
    status = main(sys.argv[1:])
    sys.stdout.flush()
    # The solver's threads may bring an ordinary end of the interpreter down.
    os._exit(status)
