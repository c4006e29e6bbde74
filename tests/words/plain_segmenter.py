"""The segmenter in plain Python, as it was before it was compiled: what the kernels must equal."""

import math
import re

from zoo.words.segmentation.segmenter import NEW_WORDS, UNSEEN, _places
from zoo.words.texts.folding import half_width, is_mark

# Numbers, Latin words and runs of one punctuation mark are one symbol each.
SYMBOL = re.compile(
    r"(?P<number>\d+(?:[.．·,，:∶]\d+)*[%％‰]?)"
    r"|(?P<latin>[A-Za-zＡ-Ｚａ-ｚ]+(?:['’-][A-Za-z]+)*)"
    r"|(?P<run>(?P<mark>[^\w\s])(?P=mark)+)|.",
    re.DOTALL,
)
CLASSES = {"number": "0", "latin": "\ue000", "mark": "\ue001", "run": "\ue001"}


class Segmenter:
    """As `zoo.words.Segmenter`."""

    def __init__(self, counts, *, new_words=True):
        total = sum(counts.values()) + 1.0
        self.known = {w: math.log(c / total) for w, c in counts.items() if c > 0}
        self.unseen = math.log(UNSEEN / total)
        self.longest = max(map(len, counts), default=1)
        self.places = ({}, {}, {})
        if new_words:
            self.longest = max(3, self.longest)
            self.places = _places(counts)

    def __call__(self, text):
        """Return the words of a text; joined, they are the text."""
        spans = []
        symbols = []
        for match in SYMBOL.finditer(text):
            spans.append(match.span())
            symbols.append(CLASSES.get(match.lastgroup or "", match[0]))
        form = "".join(symbols)

        def log_probability(i, j):
            spelled = text[spans[i][0] : spans[j - 1][1]]
            if len(spelled) == j - i and spelled == form[i:j]:
                return self.log_probability(spelled)
            known = self.known.get(spelled, self.known.get(folded(spelled)))
            return self.log_probability(form[i:j]) if known is None else known

        words = _best_path(len(form), log_probability, self.longest)
        return [text[spans[i][0] : spans[j - 1][1]] for i, j in words]

    def log_probability(self, word):
        """Return ln p(word); minus infinity for what cannot be a word."""
        known = self.known.get(word)
        if known is not None:
            return known
        if len(word) == 1 or (is_mark(word[1]) and all(map(is_mark, word[1:]))):
            return self.unseen
        if is_mark(word[0]):
            return -math.inf
        begins, inside, ends = self.places
        if len(word) > 3 or word[0] not in begins or word[-1] not in ends:
            return -math.inf
        value = math.log(NEW_WORDS[len(word)]) + begins[word[0]] + ends[word[-1]]
        return value + inside.get(word[1], -math.inf) if len(word) == 3 else value


def folded(text):
    """Return a text in half-width forms."""
    return "".join(map(half_width, text))


def _best_path(length, log_probability, longest):
    """Yield the spans of the best path, first to last."""
    best = [0.0] + [-math.inf] * length
    start = [0] * (length + 1)
    for i in range(length):
        for j in range(i + 1, min(i + longest, length) + 1):
            value = best[i] + log_probability(i, j)
            if value > best[j]:
                best[j] = value
                start[j] = i
    spans = []
    j = length
    while j:
        spans.append((start[j], j))
        j = start[j]
    return reversed(spans)
