"""Make `zoo/data/samples/poets.jsonl.gz`: who is meant by a courtesy name in the title of a poem.

    npm install chinese-poetry@2.0.1
    python tools/make_poets.py --package node_modules/chinese-poetry

Titles of the collected Tang and Song poems mostly call people by surname and courtesy name, 蘇子美,
which one poet alone has; so the poet is known, and once the surname is cut out, 子美 is a riddle
with a known answer. A surname before a courtesy name that no poet of this surname has gives a
person who is not in the base (NIL). The poets are described by facts read from their biographies
by pattern, never by the biographies' words, whose Song part is a modern edition's.
"""

from __future__ import annotations

import argparse
import json
import random
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import json_lines

OUTPUT = Path(__file__).parents[1] / "zoo" / "data" / "samples" / "poets.jsonl.gz"
DYNASTIES = {"tang": "唐", "song": "宋"}
DOUBLE_SURNAMES = re.findall(
    "..",
    "歐陽司馬諸葛上官皇甫夏侯尉遲長孫司空令狐慕容鮮于獨孤宇文公孫東方端木澹臺万俟淳于申屠公乘南宮聞人"
    "赫連完顏耶律",
)
# surnames that as often are another word: 和子美 answers him, 謝子美 thanks him
WORDS = set("和于向習時成高安文方平師常游謝白道江余丘田梅石史俞")
DIGIT = {c: i for i, c in enumerate("○一二三四五六七八九")} | {"〇": 0}
YEAR = "(一[○〇一二三四五六七八九]{3}|[六七八九][○〇一二三四五六七八九]{2})"
HAN = "[\u3400-\u9fff]"
COURTESY = re.compile(
    f"(?:^|[，。；、（\\s])(?:本|一|又|初|更|改)?字({HAN}{{2}})(?=[，。；、（一\\s]|$)"
)
SOBRIQUET = re.compile(f"(?:自?號|晚號|又號|號曰)({HAN}{{2,4}})(?=[，。；、（\\s]|$)")
PLACE = re.compile(f"[，。；、]((?:(?![官終舍爲舉宗年遷]){HAN}){{2,5}}?)(?:（[^）]*）)?人[，。；]")
LIFE = re.compile("[^（]{0,14}（([^）]{3,24})）")
IN_OFFICE = re.compile(f"（({YEAR})）")
PART = re.compile(r"（.*|\s+其?[一二三四五六七八九十○]+$")  # an editor's note, a poem's number
LONGEST_TITLE = 60
LONGEST_LIFE, ADULT = 65, 15
# what stands behind a surname as a courtesy name does, and is an office or another word; chosen by
# eye from the names that the patterns find
NO_NAMES = re.findall("..", "光祿千里大著娘子宣德少卿山中懷古正言真人自然處士")


@dataclass
class Poet:
    """The facts about one poet."""

    id: str
    name: str
    courtesy: list[str] = field(default_factory=list)
    sobriquets: list[str] = field(default_factory=list)
    birth: int | None = None
    death: int | None = None
    place: str = ""
    poems: int = 0

    @property
    def names(self) -> list[str]:
        """Courtesy names and sobriquets."""
        return without_repeats([*self.courtesy, *self.sobriquets])

    @property
    def surname(self) -> str:
        """One character, or two of a double surname."""
        return self.name[:2] if self.name[:2] in DOUBLE_SURNAMES else self.name[:1]

    @property
    def life(self) -> tuple[int, int] | None:
        """Years of birth and death, one guessed from the other."""
        if self.birth is None and self.death is None:
            return None
        birth = self.birth if self.birth is not None else (self.death or 0) - LONGEST_LIFE
        return birth, self.death if self.death is not None else birth + LONGEST_LIFE


def year(text: str) -> int | None:
    """Read the first year in Chinese digits, None if there is none."""
    found = re.search(YEAR, text)
    return int("".join(str(DIGIT[c]) for c in found[1])) if found else None


def life(biography: str) -> tuple[int | None, int | None]:
    """Read the years of birth and death, or guess them from the year of an examination."""
    if (found := LIFE.match(biography)) and "～" in found[1]:
        birth, _, death = found[1].partition("～")
        if (years := (year(birth), year(death))) != (None, None):
            return years
    if found := IN_OFFICE.search(biography):
        when = year(found[1])
        assert when is not None
        return when - 25, when + 35
    return None, None


def read_poets(package: Path) -> list[Poet]:
    """Read the facts about all poets who are no monks; of two of one name, the first."""
    poets: dict[str, Poet] = {}
    for part, dynasty in DYNASTIES.items():
        path = package / "dist" / "quantangshi" / f"authors.{part}.json"
        for record in json.loads(path.read_text("utf-8")):
            name, biography = record["name"], record.get("desc") or ""
            id_ = f"{dynasty}{name}"
            if len(name) < 2 or name[0] == "釋" or id_ in poets:
                continue
            sobriquets = (shortened(match[1]) for match in SOBRIQUET.finditer(biography))
            place = PLACE.search(biography)
            poets[id_] = Poet(
                id_,
                name,
                courtesy=without_repeats(match[1] for match in COURTESY.finditer(biography)),
                sobriquets=without_repeats(s for s in sobriquets if usable(s)),
                birth=life(biography)[0],
                death=life(biography)[1],
                place=place[1] if place else "",
            )
    return list(poets.values())


def without_repeats(names: Iterable[str]) -> list[str]:
    """Return distinct names in their order."""
    return list(dict.fromkeys(names))


def usable(sobriquet: str) -> bool:
    """Say whether what follows 號 is a name: 號曰周 is not."""
    return len(sobriquet) in (2, 3) and sobriquet[0] != "曰"


def shortened(sobriquet: str) -> str:
    """Leave out what many sobriquets end with: 東坡居士 is called 東坡."""
    return sobriquet.removesuffix("居士").removesuffix("先生") if len(sobriquet) > 3 else sobriquet


def read_titles(package: Path, poets: Iterable[Poet]) -> Iterator[tuple[Poet, str]]:
    """Yield each distinct title with its author, in the order of the files; count the poems."""
    of = {poet.id: poet for poet in poets}
    seen: set[tuple[str, str]] = set()
    for part, dynasty in DYNASTIES.items():
        files = (package / "dist" / "quantangshi").glob(f"poet.{part}.*.json")
        for file in sorted(files, key=lambda path: int(path.name.split(".")[2])):
            for poem in json.loads(file.read_text("utf-8")):
                title = PART.sub("", poem["title"]).strip()
                author = of.get(f"{dynasty}{poem['author']}")
                if author is None:
                    continue
                author.poems += 1
                if len(title) <= LONGEST_TITLE and (author.id, title) not in seen:
                    seen.add((author.id, title))
                    yield author, title


def could_meet(one: Poet, other: Poet) -> bool:
    """Say whether two were grown up at one time; true where the dates of one are not known."""
    if one.life is None or other.life is None:
        return True
    return min(one.life[1], other.life[1]) - max(one.life[0], other.life[0]) - ADULT > -5


@dataclass(frozen=True)
class Text:
    """A title whose mention has lost its surname; `entity` is None for NIL."""

    author: Poet
    title: str
    start: int
    name: str
    entity: str | None
    surname: str

    def record(self) -> dict[str, str | int | None]:
        """Return what is stored."""
        rest = self.title[self.start + len(self.surname) :]
        text = f"{self.author.name}：{self.title[: self.start]}{rest}"
        start = len(self.author.name) + 1 + self.start
        end = start + len(self.name)
        return {"text": text, "author": self.author.id, "start": start, "end": end,
                "entity": self.entity, "surname": self.surname}  # fmt: skip


def find_texts(titles: list[tuple[Poet, str]], poets: list[Poet]) -> tuple[list[Text], list[Text]]:
    """Find the linked mentions and those of people who are not in the base."""
    meaning: dict[str, set[str]] = defaultdict(set)
    full: dict[str, set[str]] = defaultdict(set)
    for poet in poets:
        for name in poet.names:
            meaning[name].add(poet.id)
            full[poet.surname + name].add(poet.id)
    common = Counter(poet.surname for poet in poets)
    courtesy = {name for poet in poets for name in poet.courtesy} - set(NO_NAMES)
    surnames = {surname for surname, _ in common.most_common(120)} - WORDS
    of = {poet.id: poet for poet in poets}
    called = {poet.name for poet in poets}
    linked, strangers, apart = [], [], 0
    for author, title in titles:
        for start in range(len(title)):
            for size in (3, 4, 5):
                whole = title[start : start + size]
                if len(whole) < size or len(full.get(whole, ())) != 1:
                    continue
                (id_,) = full[whole]
                surname = of[id_].surname
                name = whole[len(surname) :]
                of_another = whole in called and whole != of[id_].name  # a poet's given name
                if len(meaning[name]) < 2 or id_ == author.id or name in NO_NAMES or of_another:
                    continue
                if could_meet(author, of[id_]):
                    linked.append(Text(author, title, start, name, id_, surname))
                else:
                    apart += 1
            surname, name = title[start : start + 1], title[start + 1 : start + 3]
            unknown = surname + name not in full and surname + name not in called
            if surname in surnames and name in courtesy and unknown:
                strangers.append(Text(author, title, start, name, None, surname))
    print(f"{apart} mentions of people who cannot have met the author are left out")
    return linked, strangers


def describe(poet: Poet) -> dict[str, object]:
    """Return what is stored of a poet."""
    return {"id": poet.id, "name": poet.name, "courtesy": poet.courtesy,
            "sobriquets": poet.sobriquets, "birth": poet.birth,
            "death": poet.death, "place": poet.place, "poems": poet.poems}  # fmt: skip


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--package", type=Path, required=True, help="folder of chinese-poetry")
    parser.add_argument("--output", type=Path, default=OUTPUT)
    parser.add_argument("--show", type=int, default=0, help="print so many mentions to check")
    options = parser.parse_args()
    poets = read_poets(options.package)
    titles = list(read_titles(options.package, poets))
    linked, strangers = find_texts(titles, poets)
    authors = {text.author.id for text in (*linked, *strangers)}
    kept = [poet for poet in poets if poet.names or poet.id in authors]
    records = [describe(poet) for poet in kept] + [text.record() for text in (*linked, *strangers)]
    json_lines.write(options.output, records)
    named = sum(bool(poet.names) for poet in kept)
    print(f"{len(titles):,} titles; {len(kept):,} poets, {named:,} with names")
    for what, texts in (("linked", linked), ("NIL", strangers)):
        print(f"{what}: {len(texts):,} mentions, {len({t.name for t in texts}):,} names, "
              f"{len({t.author.id for t in texts}):,} authors")  # fmt: skip
    draw = random.Random(0)
    for texts in (linked, strangers):
        for text in draw.sample(texts, min(options.show, len(texts))):
            print(
                text.author.id, text.author.life, text.title, text.surname + text.name, text.entity
            )


if __name__ == "__main__":
    main()
