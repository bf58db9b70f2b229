"""Settings read from people: one schema gives files, command line, errors and documentation.

A misspelt or impossible setting stops at once, with the nearest known name.
"""

import difflib
import hashlib
import json
import types
import typing
from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from drywet.errors import SettingsError


class Settings(BaseModel):
    """Base of all settings: immutable, unknown names refused, every default visible in its class."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


S = TypeVar("S", bound=Settings)


def parse(kind: type[S], values: Any, where: str) -> S:
    """``values`` as settings of a ``kind``; ``where`` (a file or an option) opens the message of a SettingsError."""
    try:
        return kind.model_validate(values)
    except ValidationError as error:
        # A misspelt name comes with "field required" for the right one; the misspelling is what helps.
        first = min(error.errors(), key=lambda found: found["type"] != "extra_forbidden")
        path = list(first["loc"])
        more = f" ({error.error_count() - 1} more)" if error.error_count() > 1 else ""
        if first["type"] == "extra_forbidden":
            raise SettingsError(f"{where}: {_unknown_setting(kind, path)}{more}") from None
        if first["type"] == "union_tag_invalid":
            raise SettingsError(f"{where}: {_unknown_tag(path, first['ctx'])}{more}") from None
        place = ".".join(str(part) for part in path) or kind.__name__
        given = "" if first["type"] == "missing" else f", not {first['input']!r}"
        raise SettingsError(f"{where}: {place}: {first['msg']}{given}{more}") from None


def _unknown_setting(kind: type[BaseModel], path: list) -> str:
    """Message for an unknown name at ``path``, with the nearest name that its table does have."""
    tables = [kind]
    for part in path[:-1]:
        fields = [table.model_fields[str(part)] for table in tables if str(part) in table.model_fields]
        # A part that is no field is the tag that chose one class of a union.
        tagged = [table for table in tables if part in (field.default for field in table.model_fields.values())]
        tables = _classes(fields[0].annotation) if fields else tagged or tables
    name = str(path[-1])
    known = [field for table in tables for field in table.model_fields]
    nearest = difflib.get_close_matches(name, known, n=1)
    hint = f"did you mean {nearest[0]!r}?" if nearest else f"known are: {', '.join(known)}"
    return f"unknown setting {name!r}; {hint}"


def _unknown_tag(path: list, context: Mapping[str, Any]) -> str:
    """Message for a tag that chooses no class of a union, with the nearest one that does."""
    setting = context["discriminator"].strip("'")
    known = [tag.strip("'") for tag in context["expected_tags"].split(", ")]
    place = ".".join(str(part) for part in [*path, setting])
    nearest = difflib.get_close_matches(context["tag"], known, n=1)
    hint = f"did you mean {nearest[0]!r}?" if nearest else f"known are: {', '.join(known)}"
    return f"{place}: no {setting} named {context['tag']!r}; {hint}"


def _classes(annotation: Any) -> list[type[BaseModel]]:
    if typing.get_origin(annotation) in (typing.Union, types.UnionType, list, dict, typing.Annotated, tuple):
        return [found for argument in typing.get_args(annotation) for found in _classes(argument)]
    return [annotation] if isinstance(annotation, type) and issubclass(annotation, BaseModel) else []


def set_path(values: dict[str, Any], path: str, value: Any) -> dict[str, Any]:
    """A copy of the nested table ``values`` with ``value`` at the dotted ``path``: ``--set training.seed=3``.

    >>> set_path({"model": {"hidden_size": 64}}, "model.hidden_size", 96)
    {'model': {'hidden_size': 96}}
    """
    name, _, rest = path.partition(".")
    inner = values.get(name, {})
    if rest and not isinstance(inner, Mapping):
        raise SettingsError(f"{path}: {name!r} is a single value, so nothing stands below it")
    return {**values, name: set_path(dict(inner), rest, value) if rest else value}


def fingerprint(value: Any) -> str:
    """SHA-256 of a JSON value in canonical form (sorted keys, no spaces), in hexadecimal."""
    return hashlib.sha256(
        json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False).encode()
    ).hexdigest()
