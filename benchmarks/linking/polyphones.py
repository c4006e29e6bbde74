"""Claim: what there is to know of a reading without a network.

    python benchmarks/linking/polyphones.py --root data/polyphone

Accuracy on the validation and the test split of the most frequent reading in training, and of the
longest phrase of the embedded dictionary that stands in the sentence around the character, and the
most frequent reading where there is none.
"""

import argparse

from zoo.data.polyphones import load_readings
from zoo.linking.corpora import Polyphones


def phrase_reading(text, start, words):
    """Return the reading of the longest phrase that covers a place; None if there is none."""
    best, reading = "", None
    for candidate, phrases in words.items():
        for phrase in phrases:
            if len(phrase) > len(best) and covers(text, start, phrase):
                best, reading = phrase, candidate
    return reading


def covers(text, start, phrase):
    """Say whether a phrase stands in a text such that it has the character at a place."""
    at = text.find(phrase, max(0, start - len(phrase) + 1))
    return 0 <= at <= start


def accuracies(data, split, of_character):
    """Return the accuracies of the two, and the share of mentions with a phrase."""
    frequent = {}
    for entity in data.entities():  # the most frequent reading of a character comes first
        frequent.setdefault(entity.names[0], entity.id)
    often = right = found = count = 0
    for text in data.texts(split):
        for gold in text.mentions:
            character = text.text[gold.start]
            reading = phrase_reading(text.text, gold.start, of_character.get(character, {}))
            usual = frequent.get(character)
            count, found = count + 1, found + (reading is not None)
            often += usual == gold.entity
            right += (f"{character} {reading}" if reading else usual) == gold.entity
    return often / count, right / count, found / count


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--root", required=True, help="the folder of `dev` and `test`")
    data = Polyphones(root=parser.parse_args().root)
    of_character = {}
    for (character, reading), phrases in load_readings().items():
        of_character.setdefault(character, {})[reading] = phrases
    print("| split | most frequent | a phrase, else most frequent | mentions with a phrase |")
    print("|---|---:|---:|---:|")
    for split in ("valid", "test"):
        figures = accuracies(data, split, of_character)
        print(f"| {split} | " + " | ".join(f"{figure:.3f}" for figure in figures) + " |")


if __name__ == "__main__":
    main()
