"""Labelled texts, and the strict reader of files of them: JSON lines, ours or CCKS 2019's."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from zoo.linking.knowledge.entities import parsed_lines, require_keys, string

OUR_KEYS = {"text": True, "mentions": True}
NIL = "NIL"  # as CCKS 2019 writes a mention of what the base lacks


@dataclass(frozen=True, order=True)
class Gold:
    """A mention that someone marked.

    Attributes:
        start: offset of its first character.
        end: offset behind its last.
        entity: the id of what it means; None for NIL, what the knowledge base lacks.
    """

    start: int
    end: int
    entity: str | None = None


@dataclass(frozen=True)
class LinkedText:
    """A text and what was marked in it; mentions may overlap.

    Attributes:
        text: any text.
        mentions: by their start.
    """

    text: str
    mentions: tuple[Gold, ...] = ()

    def names(self) -> list[str]:
        """Return the characters of each mention."""
        return [self.text[mention.start : mention.end] for mention in self.mentions]


def read_texts(path: str | Path) -> list[LinkedText]:
    """Read a UTF-8 file of JSON lines, each one labelled text.

    Ours: `{"text": ..., "mentions": [{"start": 1, "end": 3, "entity": ID or null}]}`. CCKS 2019's:
    `{"text_id", "text", "mention_data": [{"kb_id": ID or "NIL", "mention", "offset": "1"}]}`, whose
    file of texts to be linked has no `mention_data`.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if a line is none of the two, or an offset does not fit its text; the message
            has the line's number.
    """
    texts = [text for _, text in parsed_lines(path, parse_text)]
    if not texts:
        raise ValueError(f"{path} is empty: expected one labelled text a line")
    return texts


def parse_text(record: dict[str, Any]) -> LinkedText:
    """Make a labelled text of a record of either format.

    Raises:
        ValueError: if it is malformed, or an offset does not fit the text.
    """
    ccks = "text_id" in record
    key = "mention_data" if ccks else "mentions"
    require_keys(record, {"text": True, "text_id": ccks, key: not ccks} if ccks else OUR_KEYS)
    text = string(record, "text")
    mentions = record.get(key) or []
    if not isinstance(mentions, list) or not all(isinstance(m, dict) for m in mentions):
        raise ValueError(f"{key} is {mentions!r:.60}: expected a list of mentions")
    parse = _parse_ccks if ccks else _parse_ours
    return LinkedText(text, tuple(sorted((parse(m, text) for m in mentions), key=_place)))


def _place(gold: Gold) -> tuple[int, int]:
    return gold.start, gold.end


def _parse_ours(record: dict[str, Any], text: str) -> Gold:
    require_keys(record, {"start": True, "end": True, "entity": True})
    entity = None if record["entity"] is None else string(record, "entity")
    return marked(text, record["start"], record["end"], entity)


def marked(text: str, start: Any, end: Any, entity: str | None = None) -> Gold:
    """Return a mention of a text, checked.

    Args:
        text: the text.
        start: offset of its first character.
        end: offset behind its last.
        entity: as of `Gold`.

    Raises:
        ValueError: unless they are whole numbers and some of the text's characters are between.
    """
    if type(start) is not int or type(end) is not int or not 0 <= start < end <= len(text):
        raise ValueError(
            f"a mention is from {start!r} to {end!r}: expected whole numbers, "
            f"0 <= start < end <= {len(text)}, the characters of the text"
        )
    return Gold(start, end, entity)


def _parse_ccks(record: dict[str, Any], text: str) -> Gold:
    require_keys(record, {"kb_id": True, "mention": True, "offset": True})
    mention, offset = string(record, "mention"), string(record, "offset")
    if not mention or not offset.isascii() or not offset.isdigit():
        raise ValueError(
            f"mention {mention!r} at offset {offset!r}: expected some characters, and a whole "
            'number in quotes, such as "3"'
        )
    start, end = int(offset), int(offset) + len(mention)
    if text[start:end] != mention:
        raise ValueError(
            f"at offset {start} the text has {text[start:end]!r}, not {mention!r}: offsets count "
            "characters of the text as it is, from 0"
        )
    entity = string(record, "kb_id")
    return Gold(start, end, None if entity == NIL else entity)
