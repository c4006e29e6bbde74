"""The knowledge base: a folder of arrays that opens by memory mapping.

`NAME.json` says which files belong to the base: one of entities, a line of JSON each in our format,
to which a change appends, and the arrays that find lines and names, which a change writes anew. It
is replaced last, so that a change that is killed, or finds the disk full, changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from zoo.linking.knowledge.dictionary import Dictionary, Hit
from zoo.linking.knowledge.entities import Entity, as_entity, read_entities
from zoo.linking.knowledge.matching import longest
from zoo.linking.knowledge.storage import EntityRows, Manifest, Store
from zoo.linking.names import Folded, fold_name

NAME = "knowledge"
BATCH = 256  # texts searched at once


@dataclass(frozen=True)
class Match:
    """A name of the knowledge base in a text.

    Attributes:
        start: offset of its first character.
        end: offset behind its last.
        text: the characters between.
        name: the name as it is compared, folded.
    """

    start: int
    end: int
    text: str
    name: str


class KnowledgeBase:
    """Entities with names and descriptions; made by `build` or `open`.

    One process may change a base at a time; others that have it open go on seeing what they opened.

    Example:
        >>> import tempfile
        >>> kb = KnowledgeBase.build(
        ...     [
        ...         Entity("1", ("蘇舜欽", "子美"), "宋，開封人"),
        ...         Entity("2", ("杜甫", "子美"), "唐，鞏縣人"),
        ...     ],
        ...     tempfile.mkdtemp(),
        ... )
        >>> kb.matches("寄子美")
        [Match(start=1, end=3, text='子美', name='子美')]
        >>> kb.candidates("子美")
        ['1', '2']
    """

    def __init__(
        self, store: Store, manifest: Manifest, rows: EntityRows, dictionary: Dictionary
    ) -> None:
        self._store, self._manifest = store, manifest
        self._rows, self._dictionary = rows, dictionary
        self._lines = store.map_lines(manifest)

    @classmethod
    def build(
        cls,
        entities: str | Path | Iterable[Entity | dict[str, Any]],
        folder: str | Path,
        name: str = NAME,
    ) -> KnowledgeBase:
        """Write a knowledge base and open it.

        Args:
            entities: a file for `read_entities`, or entities, or records as in it; a name's
                candidates come in their order.
            folder: where to; made if it is not there. A base of this name that is there already is
                replaced once the new one is whole.
            name: what its files are called; default `knowledge`.

        Raises:
            FileNotFoundError: if there is no such file.
            ValueError: if an id comes twice or an entity is malformed; of a file, the message has
                the line's number.
            OSError: if the folder cannot be written, such as on a full disk.
        """
        if isinstance(entities, str | Path):
            entities = read_entities(entities)
        store = Store(Path(folder), name)
        empty = cls(store, store.fresh(), EntityRows.empty(), Dictionary.empty())
        empty._extend(entities)
        return empty

    @classmethod
    def open(cls, folder: str | Path, name: str = NAME) -> KnowledgeBase:
        """Open a knowledge base; only what is asked for is read from the disk.

        Raises:
            FileNotFoundError: if there is none of this name in the folder.
            ValueError: if it is damaged, or of a newer version.
        """
        store = Store(Path(folder), name)
        manifest = store.read()
        return cls(store, manifest, *store.arrays(manifest))

    def write(self, folder: str | Path, name: str = NAME) -> list[str]:
        """Write a copy, without what was removed, and return the names of its files.

        So a checkpoint carries a base as an attachment.
        """
        return type(self).build(self, folder, name)._store.files()

    @property
    def folder(self) -> Path:
        """Where the base is."""
        return self._store.folder

    def add(self, entities: Iterable[Entity | dict[str, Any]]) -> None:
        """Add entities, or records as a file has them, behind those that are there.

        Raises:
            ValueError: if an id is taken or comes twice, or an entity is malformed; nothing is
                added then. Also if the base is part of a checkpoint.
            OSError: if the disk is full; nothing is added then.
        """
        self._store.require_unsealed()
        self._extend(entities)

    def remove(self, ids: Iterable[str]) -> None:
        """Take entities away.

        Raises:
            ValueError: if there is no such entity, and none is taken away then. Also if the base is
                part of a checkpoint.
        """
        self._store.require_unsealed()
        rows = [self._row(id_) for id_ in dict.fromkeys(ids)]
        left = self._rows.without(rows)
        self._commit(self._manifest, left, self._dictionary.without_rows(left.alive))

    def __len__(self) -> int:
        """Count the entities."""
        return len(self._rows.id_rows)

    def __contains__(self, id_: object) -> bool:
        """Say whether there is an entity of this id."""
        return isinstance(id_, str) and self._find(id_) is not None

    def __getitem__(self, id_: str) -> Entity:
        """Return the entity of an id.

        Raises:
            ValueError: if there is none.
        """
        return self._entity(self._row(id_))

    def __iter__(self) -> Iterator[Entity]:
        """Yield the entities in their order."""
        return (self._entity(row) for row in self.rows())

    def rows(self) -> list[int]:
        """Return the rows of the entities, in their order; a row stays its entity's for good."""
        return self._rows.alive.nonzero()[0].tolist()

    def at(self, row: int) -> Entity:
        """Return the entity of a row that `rows` or `candidate_rows` gave."""
        return self._entity(row)

    @property
    def names(self) -> int:
        """How many different names there are, folded."""
        return len(self._dictionary)

    @property
    def history(self) -> list[tuple[int, str]]:
        """For each addition, the rows there were then, and a sum over all their lines.

        What was computed for the first rows of a base is good for every later state of it.
        """
        return self._manifest.history

    def candidates(self, name: str) -> list[str]:
        """Return the ids of the entities that a name may mean, in the base's order.

        Args:
            name: any string; it is folded here. One that is not in the base has no candidates.
        """
        return [self._entity(row).id for row in self.candidate_rows([name])[0]]

    def candidate_rows(self, names: Sequence[str]) -> list[list[int]]:
        """Return for each of some names the rows of its candidates, in the base's order."""
        numbers = self._dictionary.find([fold_name(name) for name in names])
        return [[] if n is None else self._dictionary.rows_of(n).tolist() for n in numbers]

    def matches(self, text: str) -> list[Match]:
        """Find all names in a text, overlapping ones too, by their start, then by their end.

        A name may not begin or end within a word of an alphabet: *art* is not found in *party*.
        """
        return self.all_matches([text])[0]

    def longest_matches(self, text: str) -> list[Match]:
        """Cut a text into the fewest names and single characters, and return the names."""
        return self.all_longest_matches([text])[0]

    def all_matches(self, texts: Iterable[str]) -> list[list[Match]]:
        """Find all names in each of some texts, as `matches` does, faster."""
        return [self._matches(text, hits) for text, hits in self._hits(texts)]

    def all_longest_matches(self, texts: Iterable[str]) -> list[list[Match]]:
        """Find the longest names in each of some texts, as `longest_matches` does, faster."""
        return [self._matches(text, longest(hits, len(text))) for text, hits in self._hits(texts)]

    def _hits(self, texts: Iterable[str]) -> Iterator[tuple[str, list[Hit]]]:
        texts = iter(texts)
        while batch := list(islice(texts, BATCH)):
            hits = self._dictionary.hits([Folded.of(text) for text in batch])
            yield from zip(batch, hits, strict=True)

    def _matches(self, text: str, hits: Iterable[Hit]) -> list[Match]:
        name = self._dictionary.name
        return [Match(h.start, h.end, text[h.start : h.end], name(h.name)) for h in hits]

    def _entity(self, row: int) -> Entity:
        start = int(self._rows.line_ends[row - 1]) if row else 0
        return Entity.from_line(self._lines[start : int(self._rows.line_ends[row])].tobytes())

    def _find(self, id_: str) -> int | None:
        return next((row for row in self._rows.find(id_) if self._entity(row).id == id_), None)

    def _row(self, id_: str) -> int:
        row = self._find(id_)
        if row is None:
            raise ValueError(f"the knowledge base has no entity {id_!r}: check the id")
        return row

    def _extend(self, entities: Iterable[Entity | dict[str, Any]]) -> None:
        """Append entities."""
        ids: dict[str, None] = {}
        pairs: list[tuple[str, int]] = []
        with self._store.appending(self._manifest) as lines:
            for row, entity in enumerate(map(as_entity, entities), len(self._rows.alive)):
                if entity.id in ids or entity.id in self:
                    raise ValueError(f"the id {entity.id!r} is taken: give each entity its own")
                ids[entity.id] = None
                pairs.extend((name, row) for name in entity.folded_names())
                lines.add(entity.to_line())
            lines.flush()
            rows = self._rows.with_ids(list(ids), lines.ends)
            dictionary = self._dictionary.with_pairs(pairs)
            self._commit(self._manifest.extended(len(rows.alive), lines), rows, dictionary)

    def _commit(self, manifest: Manifest, rows: EntityRows, dictionary: Dictionary) -> None:
        """Put these into use."""
        self._manifest = self._store.write(manifest, rows, dictionary)
        self._rows, self._dictionary = self._store.arrays(self._manifest)
        self._lines = self._store.map_lines(self._manifest)
