"""What a kind needs and takes, read from its source: no list of kinds is kept, and no model is
imported to read a study.

A file holds kinds if it has a class with ``generative`` and ``inference`` (a network, named after
its file) or public functions of the data that return a ``Reference`` (named after themselves).
Their signature says the rest: ``n_clusters`` and ``n_covariates`` what they need, every other
keyword a hyperparameter with its type, default and bounds."""

import ast
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import MISSING, dataclass, field
from functools import cache, cached_property
from hashlib import sha256
from importlib import import_module
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Annotated, Any, Literal

from latentbench.models.hyperparameters import SHARED
from latentbench.study.options import JSON_TYPES, Option, schema_of

GIVEN = ("likelihood", "seed", "n_covariates")
"""Keyword arguments that are no hyperparameters."""

TYPES = {"Sequence": Sequence, "Mapping": Mapping, "Literal": Literal, "Annotated": Annotated} | {
    kind.__name__: kind for kind in JSON_TYPES
}


@dataclass(frozen=True)
class Kind:
    """A network's class or a reference's function, as its file (``path``) declares it."""

    path: Path
    name: str
    node: ast.ClassDef | ast.FunctionDef = field(repr=False, compare=False)
    is_ours: bool = False

    @property
    def is_network(self) -> bool:
        """Whether the kind is trained by ``fit``; the others are references, functions of the whole
        data set.
        """
        return isinstance(self.node, ast.ClassDef)

    @property
    def title(self) -> str:
        """What the kind is called in names of files; one of the user's own cannot be taken for one
        of the library's.
        """
        if self.is_ours:
            return self.path.stem if self.is_network else self.name
        return f"{self.path.stem}-{self.name}"

    @property
    def code(self) -> str:
        """The module of the library that it is, or the file of the user's own."""
        return f"models.{self.path.stem}" if self.is_ours else str(self.path)

    @cached_property
    def needs(self) -> frozenset[str]:
        """``"likelihood"``, ``"n_clusters"``, ``"labels"`` (to make, not only to score)."""
        named = {"likelihood"} if self.is_network else set()
        named |= {"n_clusters"} & set(self._arguments)
        if not self.is_network and self._reads("labels"):
            named |= {"labels"}
        return frozenset(named)

    @cached_property
    def covariates(self) -> Literal["none", "optional", "required"]:
        """Whether it takes obs columns as conditions. Where a data set lacks a column that a
        variant names, an optional one is left out and a required one makes the variant not
        applicable.
        """
        if "n_covariates" not in self._arguments:
            return "none"
        return "required" if self._arguments["n_covariates"][1] is MISSING else "optional"

    @cached_property
    def predicts(self) -> bool:
        """Whether it can be asked for cells under another condition."""
        return self._defines("predict") or self._defines("predict_shifted")

    @cached_property
    def takes_tasks(self) -> bool:
        """Whether it can be shown classes: it reads ``minibatch.y``."""
        return self.is_network and self._reads("y")

    @cached_property
    def hyperparameters(self) -> dict[str, dict[str, Any]]:
        """The JSON schema of every hyperparameter by name.

        Raises:
            ValueError: one has neither a type nor a default that shows it.
        """
        return {
            name: self._schema(name, annotation, default)
            for name, (annotation, default) in self._arguments.items()
            if name not in GIVEN
        }

    @property
    def required(self) -> list[str]:
        """The hyperparameters that a variant must give: those without a default, but for the number
        of clusters, which the sheet may declare.
        """
        return [
            name
            for name, (_, default) in self._arguments.items()
            if name not in (*GIVEN, "n_clusters") and default is MISSING
        ]

    def load(self) -> Any:
        """Return the model class or the reference function."""
        return getattr(_module_of(self), self.name)

    def _schema(self, name: str, annotation: ast.expr | None, default: Any) -> dict[str, Any]:
        try:
            hint = _type(annotation) if annotation is not None else type(default)
            return schema_of(hint, default, SHARED.get(name))
        except (TypeError, KeyError, ValueError):
            raise ValueError(
                f"{self.path}, line {self.node.lineno}: {self.name}: what '{name}' takes cannot be"
                " read; give it a type (int, float, str, bool, Literal[...], Sequence[int]) or a"
                " default of one, written out"
            ) from None

    @cached_property
    def _arguments(self) -> dict[str, tuple[ast.expr | None, Any]]:
        """Keyword-only arguments by name: annotation and default (``MISSING``: none)."""
        function = self.node
        if isinstance(function, ast.ClassDef):
            function = next(
                (
                    each
                    for each in function.body
                    if isinstance(each, ast.FunctionDef) and each.name == "__init__"
                ),
                None,
            )
        if function is None:
            return {}
        return {
            argument.arg: (argument.annotation, _value(default))
            for argument, default in zip(
                function.args.kwonlyargs, function.args.kw_defaults, strict=True
            )
        }

    def _reads(self, attribute: str) -> bool:
        return any(
            isinstance(node, ast.Attribute) and node.attr == attribute
            for node in ast.walk(self.node)
        )

    def _defines(self, method: str) -> bool:
        return self.is_network and any(
            isinstance(node, ast.FunctionDef) and node.name == method for node in self.node.body
        )


class Registry(dict[str, Kind]):
    """The kinds of a folder by name, and those of other files by ``path/to/file.py:Class``."""

    def __init__(self, folder: Path) -> None:
        files = sorted(folder.glob("[a-z]*.py"))
        found = [kind for path in files for kind in _kinds_in(path, is_ours=True)]
        networks = {kind.title: kind for kind in found if kind.is_network}
        super().__init__({kind.title: kind for kind in found if not kind.is_network} | networks)

    def __missing__(self, named: str) -> Kind:
        path, colon, name = named.rpartition(":")
        if not (colon and path.endswith(".py")):
            raise KeyError(named)
        return kind_in_file(Path(path), name)


@cache
def kind_in_file(path: Path, name: str) -> Kind:
    """Return a kind of a file of the user's own.

    Raises:
        ValueError: the file cannot be read, or has no such class or function that is a kind.
    """
    known = {kind.name: kind for kind in _kinds_in(path, is_ours=False)}
    if name not in known:
        raise ValueError(
            f"{path} has no kind '{name}' (a class with `generative` and `inference`, or a function"
            f" that returns a Reference); it has: {', '.join(known) or 'none'}"
        )
    return known[name]


@cache
def source_of(path: Path) -> ast.Module:
    """Return the source of a file, parsed.

    Raises:
        ValueError: it is not there or no Python.
    """
    try:
        return ast.parse(path.read_text(encoding="utf-8"), str(path))
    except OSError as mistake:
        raise ValueError(f"{path}: {mistake.strerror}") from None
    except SyntaxError as mistake:
        raise ValueError(f"{path}, line {mistake.lineno}: no Python: {mistake.msg}") from None


def _kinds_in(path: Path, *, is_ours: bool) -> Iterator[Kind]:
    for node in source_of(path).body:
        is_network = isinstance(node, ast.ClassDef) and {"generative", "inference"} <= {
            target.id
            for line in node.body
            if isinstance(line, ast.Assign)
            for target in line.targets
            if isinstance(target, ast.Name)
        }
        is_reference = (
            isinstance(node, ast.FunctionDef)
            and isinstance(node.returns, ast.Name)
            and node.returns.id == "Reference"
            and not node.name.startswith("_")
        )
        if is_network or is_reference:
            yield Kind(path, node.name, node, is_ours)


def _module_of(kind: Kind) -> Any:
    if kind.is_ours:
        return import_module(f"latentbench.{kind.code}")
    place = kind.path.resolve()
    name = f"{place.stem}_{sha256(str(place).encode()).hexdigest()[:8]}"
    if name not in sys.modules:
        spec = spec_from_file_location(name, place)
        module = module_from_spec(spec)
        sys.modules[name] = module
        spec.loader.exec_module(module)
    return sys.modules[name]


def _value(node: ast.expr | None) -> Any:
    """Return a default, or ``MISSING``; one that is no literal is taken for none."""
    try:
        return MISSING if node is None else ast.literal_eval(node)
    except ValueError:
        return None


def _type(node: ast.expr) -> Any:
    """Return the type that an annotation names."""
    if isinstance(node, ast.BinOp):
        return _type(node.left) | _type(node.right)
    if isinstance(node, ast.Constant):
        return None if node.value is None else _type(ast.parse(node.value, mode="eval").body)
    if isinstance(node, ast.Subscript):
        named = _type(node.value)
        if named is Literal:
            return Literal[ast.literal_eval(node.slice)]
        if named is Annotated:
            hint, stated = node.slice.elts
            return Annotated[_type(hint), _option(stated)]
        parts = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
        return named[tuple(map(_type, parts))]
    return TYPES[node.attr if isinstance(node, ast.Attribute) else node.id]


def _option(node: ast.Call) -> Option:
    return Option(
        *map(ast.literal_eval, node.args),
        **{each.arg: ast.literal_eval(each.value) for each in node.keywords},
    )
