"""Entities, and the strict reader of files of them: JSON lines, ours or those of CCKS 2019."""

from __future__ import annotations

import json
from codecs import BOM_UTF8
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypeVar

from zoo.files import json_object
from zoo.linking.names import fold_name

Parsed = TypeVar("Parsed")
OUR_KEYS = {"id": True, "names": True, "description": False, "types": False}
CCKS_KEYS = {"subject_id": True, "subject": True, "alias": True, "data": True, "type": False}
EXAMPLE = '{"id": "1", "names": ["蘇軾", "東坡"], "description": "北宋眉山人"}'


@dataclass(frozen=True)
class Entity:
    """What a knowledge base says of one thing.

    Attributes:
        id: any string without a line break, unlike those of the others.
        names: what texts may call it, the usual name first; at least one that is not empty.
        description: any text, may be empty.
        types: of what kinds it is, such as `Person`; may be empty.
    """

    id: str
    names: tuple[str, ...]
    description: str = ""
    types: tuple[str, ...] = ()

    def folded_names(self) -> list[str]:
        """Return the distinct names as they are compared, in their order; empty ones left out."""
        folded = dict.fromkeys(fold_name(name) for name in self.names)
        return [name for name in folded if name]

    def to_line(self) -> str:
        """Return the entity as a line of JSON, in our format."""
        return json.dumps(asdict(self), ensure_ascii=False, separators=(",", ":")) + "\n"

    @classmethod
    def from_line(cls, line: str | bytes) -> Entity:
        """Read what `to_line` wrote."""
        return cls.from_record(json.loads(line))

    @classmethod
    def from_record(cls, record: dict[str, Any]) -> Entity:
        """Make an entity of a record `{"id", "names", "description", "types"}`, the last two free.

        Raises:
            ValueError: if a key is missing or unknown, or a value is of another type.
        """
        require_keys(record, OUR_KEYS)
        entity = cls(
            id=string(record, "id"),
            names=strings(record, "names"),
            description=string(record, "description") if "description" in record else "",
            types=strings(record, "types") if "types" in record else (),
        )
        require_usable(entity)
        return entity

    @classmethod
    def from_ccks(cls, record: dict[str, Any]) -> Entity:
        """Make an entity of a record of CCKS 2019's `kb_data`.

        The description has a line `predicate：object` for each fact, in the file's order.

        Raises:
            ValueError: as `from_record`.
        """
        require_keys(record, CCKS_KEYS)
        facts = record["data"]
        if not isinstance(facts, list) or not all(isinstance(fact, dict) for fact in facts):
            raise ValueError(f"data is {facts!r:.60}: expected a list of predicates and objects")
        entity = cls(
            id=string(record, "subject_id"),
            names=(string(record, "subject"), *strings(record, "alias")),
            description="\n".join(
                f"{string(fact, 'predicate')}：{string(fact, 'object')}" for fact in facts
            ),
            types=strings(record, "type") if "type" in record else (),
        )
        require_usable(entity)
        return entity


def read_entities(path: str | Path) -> Iterator[Entity]:
    """Read a UTF-8 file of JSON lines, each one entity, in our format or CCKS 2019's.

    Blank lines are skipped. One file may mix the two formats. A file of CCKS 2019's has names that
    are empty once folded; they are left out, as long as the entity has another.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if a line is none of the two, an id comes twice or there is no line; the message
            has the line's number.
    """
    lines: dict[str, int] = {}
    for number, entity in parsed_lines(path, parse_entity):
        if entity.id in lines:
            raise ValueError(
                f"{path}, line {number}: the id {entity.id!r} stands on line {lines[entity.id]} "
                "too: give each entity its own"
            )
        lines[entity.id] = number
        yield entity
    if not lines:
        raise ValueError(f"{path} is empty: expected one entity a line, such as {EXAMPLE}")


def parse_entity(record: dict[str, Any]) -> Entity:
    """Make an entity of a record of either format."""
    return (Entity.from_ccks if "subject_id" in record else Entity.from_record)(record)


def as_entity(given: Entity | dict[str, Any]) -> Entity:
    """Return an entity, or make one of a record of either format.

    Raises:
        ValueError: if it is none of these, or the record is malformed.
    """
    if isinstance(given, Entity):
        require_usable(given)
        return given
    if not isinstance(given, dict):
        raise ValueError(f"{given!r:.60} is no entity: expected one such as {EXAMPLE}")
    return parse_entity(given)


def parsed_lines(
    path: str | Path, parse: Callable[[dict[str, Any]], Parsed]
) -> Iterator[tuple[int, Parsed]]:
    """Parse a file of JSON objects, one a line, each with the number of its line.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if a line is no JSON object or `parse` refuses it; the message has its number.
    """
    for number, record in json_lines(path):
        yield number, _at(f"{path}, line {number}", parse, record)


def _at(where: str, parse: Callable[[dict[str, Any]], Parsed], record: dict[str, Any]) -> Parsed:
    try:
        return parse(record)
    except ValueError as error:
        raise ValueError(f"{where}: {error}") from None


def json_lines(path: str | Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """Read a UTF-8 file of JSON objects, one a line, each with the number of its line.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if a line is not UTF-8 or no JSON object; the message has its number.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"no file {path}: expected JSON lines; check the path")
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            if not line.strip():
                continue
            text = line.removeprefix(BOM_UTF8) if number == 1 else line
            yield number, json_object(text, f"{path}, line {number}")


def require_keys(record: dict[str, Any], keys: dict[str, bool]) -> None:
    """Refuse a record that lacks a required key, or has one that would silently be ignored.

    Args:
        record: a JSON object.
        keys: what it may have; true where it must.

    Raises:
        ValueError: if there is such a key.
    """
    missing = [key for key, required in keys.items() if required and key not in record]
    unknown = [key for key in record if key not in keys]
    if missing or unknown:
        raise ValueError(
            (f"the key {missing[0]} is missing" if missing else f"the key {unknown[0]} is unknown")
            + f": expected {', '.join(keys)}"
        )


def string(record: dict[str, Any], key: str) -> str:
    """Return a value that must be a string of valid Unicode."""
    value = record.get(key)
    if not isinstance(value, str):
        raise ValueError(f"{key} is {value!r:.60}: expected a string in quotes")
    return require_unicode(key, value)


def strings(record: dict[str, Any], key: str) -> tuple[str, ...]:
    """Return a value that must be a list of strings of valid Unicode."""
    values = record[key]
    if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
        raise ValueError(f"{key} is {values!r:.60}: expected a list of strings")
    return tuple(require_unicode(key, value) for value in values)


def require_unicode(key: str, value: str) -> str:
    r"""Refuse half of a surrogate pair, as JSON's escape `\\ud800` makes it."""
    if any("\ud800" <= character <= "\udfff" for character in value):
        raise ValueError(f"{key} is {value!r:.60}: it has half a character; remove the escape")
    return value


def require_usable(entity: Entity) -> None:
    """Refuse an entity without an id or a name.

    Raises:
        ValueError: if it has none.
    """
    if not entity.id or "\n" in entity.id:
        raise ValueError(f"the id is {entity.id!r:.60}: expected one line of text")
    if not entity.folded_names():
        raise ValueError(f"entity {entity.id} has no name: give at least one that is not empty")
