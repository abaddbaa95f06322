"""An option is stated once, as a line of a dataclass or an argument of a function: its type, its
default and, in ``Annotated``, what it means and its bounds. The schema that a config is checked
against and the reference that is read are made from that line.

    patience: Annotated[int, Option("evaluations without an improvement", at_least=1)] = 10
"""

import types
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, dataclass, fields, is_dataclass
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

JSON_TYPES = {int: "integer", float: "number", str: "string", bool: "boolean"}


@dataclass(frozen=True)
class Option:
    """What an option means, unit included, and its bounds: those of every entry where it is a list
    or a mapping.
    """

    description: str
    at_least: int | float | None = None
    above: int | float | None = None
    at_most: int | float | None = None
    below: int | float | None = None
    names: str | None = None
    """A pattern of the keys of a mapping."""

    @property
    def bounds(self) -> dict[str, int | float]:
        """The bounds as JSON Schema writes them."""
        named = {
            "minimum": self.at_least,
            "exclusiveMinimum": self.above,
            "maximum": self.at_most,
            "exclusiveMaximum": self.below,
        }
        return {key: bound for key, bound in named.items() if bound is not None}

    @property
    def text(self) -> str:
        """The description with its range, which follows the first of its parts."""
        low = f"above {self.above:g}" if self.above is not None else None
        low = f"{self.at_least:g}" if self.at_least is not None else low
        high = f"below {self.below:g}" if self.below is not None else None
        high = f"{self.at_most:g}" if self.at_most is not None else high
        if low and high:
            within = f"{low} to {high}"
        elif low:
            within = low if self.above is not None else f"{low} or more"
        else:
            return self.description
        what, semicolon, rest = self.description.partition("; ")
        return f"{what}, {within}{semicolon}{rest}"


def schema_of(hint: Any, default: Any = MISSING, option: Option | None = None) -> dict[str, Any]:
    """Return the JSON schema of a type, of its default and of what ``Annotated`` or ``option`` says
    of it.

    Raises:
        TypeError: a type that no config can hold.
    """
    if get_origin(hint) is Annotated:
        hint, stated = get_args(hint)
        option = stated if isinstance(stated, Option) else option
    schema = _schema_of_type(hint, option.bounds if option else {})
    if option and option.names and "additionalProperties" in schema:
        schema["propertyNames"] = {"pattern": option.names}
    if default is not MISSING and default is not None and not is_dataclass(default):
        schema["default"] = list(default) if isinstance(default, tuple) else default
    return schema | ({"description": option.text} if option else {})


def schema_of_options(of: type) -> dict[str, Any]:
    """Return the JSON schema of a mapping whose keys are the fields of a dataclass; those without a
    default are required.
    """
    hints = get_type_hints(of, include_extras=True)
    described = {
        each.name: schema_of(
            hints[each.name],
            each.default if each.default_factory is MISSING else each.default_factory(),
        )
        for each in fields(of)
    }
    required = [
        each.name
        for each in fields(of)
        if each.default is MISSING and each.default_factory is MISSING
    ]
    return {
        "type": "object",
        "additionalProperties": False,
        "properties": described,
        **({"required": required} if required else {}),
    }


def _schema_of_type(hint: Any, bounds: Mapping[str, int | float]) -> dict[str, Any]:
    origin, args = get_origin(hint), get_args(hint)
    if is_dataclass(hint):
        return schema_of_options(hint)
    if origin is Literal:
        return {"enum": list(args)}
    if origin in (Union, types.UnionType):
        branches = [_schema_of_type(each, bounds) for each in args if each is not types.NoneType]
        branches = [{**each, "minItems": 1} if "items" in each else each for each in branches]
        if types.NoneType not in args:
            return {"anyOf": branches}
        (branch,) = branches
        return {**branch, "type": [branch["type"], "null"]}
    if origin is Mapping:
        return {"type": "object", "additionalProperties": _schema_of_type(args[1], bounds)}
    if origin is Sequence:
        return {"type": "array", "items": _schema_of_type(args[0], bounds)}
    if hint not in JSON_TYPES:
        raise TypeError(f"{hint}: no type of a config's value")
    return {"type": JSON_TYPES[hint], **bounds}
