"""Slow, plain implementations to compare with; they share nothing with zoo.words but the text."""

import math
import random
import re
from collections import Counter

WORDS = [
    "天气",
    "今天",
    "明天",
    "公园",
    "图书馆",
    "人工智能",
    "中华人民",
    "共和国",
    "好",
    "的",
    "我",
    "去",
]


def sample_text(sentences=4000, seed=0):
    """Random sentences of known words: what is found can be compared with what was put in."""
    draw = random.Random(seed)
    return "".join(
        "".join(draw.choices(WORDS, k=draw.randint(2, 6))) + draw.choice("，。\n")
        for _ in range(sentences)
    )


def sentences(text, kept):
    """The maximal runs of kept characters."""
    return [s for s in re.split(f"[^{kept}]+", text) if s]


def ngram_counts(lines, longest):
    return Counter(
        line[i : i + n]
        for line in lines
        for n in range(1, longest + 1)
        for i in range(len(line) - n + 1)
    )


def entropy(line_ends, neighbours):
    """Each missing neighbour is one of its own kind."""
    total = line_ends + sum(neighbours.values())
    probabilities = [c / total for c in neighbours.values()] + [1 / total] * line_ends
    return -sum(p * math.log(p) for p in probabilities)


def branching(lines, word):
    left, right, starts, ends = Counter(), Counter(), 0, 0
    for line in lines:
        for i in range(len(line) - len(word) + 1):
            if line[i : i + len(word)] != word:
                continue
            j = i + len(word)
            if i:
                left[line[i - 1]] += 1
            else:
                starts += 1
            if j < len(line):
                right[line[j]] += 1
            else:
                ends += 1
    return entropy(starts, left), entropy(ends, right)


def pmi(counts, total, word):
    return min(
        math.log(total * counts[word] / (counts[word[:k]] * counts[word[k:]]))
        for k in range(1, len(word))
    )


def coarse_cut(line, kept, order=4):
    """Marks each boundary that some kept n-gram covers, and cuts at the others."""
    covered = [False] * (len(line) + 1)
    for i in range(len(line)):
        for n in range(2, order + 1):
            if i + n <= len(line) and line[i : i + n] in kept:
                for boundary in range(i + 1, i + n):
                    covered[boundary] = True
    pieces, start = [], 0
    for boundary in range(1, len(line) + 1):
        if boundary == len(line) or not covered[boundary]:
            pieces.append(line[start:boundary])
            start = boundary
    return pieces


def keep_solid(pieces, kept, min_count, order=4):
    """The frequency filter and the back-tracking filter, for words of two characters or more."""
    result = {}
    for piece, count in pieces.items():
        if count < min_count or len(piece) < 2:
            continue
        windows = [piece[i : i + order] for i in range(len(piece) - order + 1)] or [piece]
        if len(piece) == 2 or all(window in kept for window in windows):
            result[piece] = count
    return result


def ngram_method(lines, min_count, thresholds=(0, 2, 4, 6)):
    """kexue.fm/archives/4256: every order counted exactly and truncated by itself."""
    counts = {w: c for w, c in ngram_counts(lines, 4).items() if c >= min_count}
    total = sum(c for w, c in counts.items() if len(w) == 1)
    kept = {w for w in counts if len(w) > 1 and pmi(counts, total, w) >= thresholds[len(w) - 1]}
    pieces = Counter(p for line in lines for p in coarse_cut(line, kept))
    return keep_solid(pieces, kept, min_count)


def repository_method(lines, min_count, thresholds=(0, 2, 4, 6)):
    """The 2019 repository: padded 4-gram windows, truncated, lower orders are prefix sums."""
    windows = Counter()
    for line in lines:
        padded = ["<s>"] * 3 + [c for c in line if c != " "] + ["</s>"]
        if len(padded) > 4:
            windows.update(tuple(padded[i : i + 4]) for i in range(len(padded) - 3))
    counts, total = [Counter() for _ in range(4)], 0
    for window, count in windows.items():
        if count >= min_count:
            total += count
            text = "".join(c for c in window if c not in ("<s>", "</s>"))
            for n in range(len(text)):
                counts[n][text[: n + 1]] += count
    kept = set()
    for n in range(1, 4):
        for word, count in counts[n].items():
            ratios = [
                total
                * count
                / (
                    counts[k].get(word[: k + 1], total)
                    * counts[n - k - 1].get(word[k + 1 :], total)
                )
                for k in range(n)
            ]
            if math.log(min(ratios)) >= thresholds[n]:
                kept.add(word)
    pieces = Counter(p for line in lines for p in coarse_cut(line, kept))
    return {w: c for w, c in keep_solid(pieces, kept, min_count).items() if " " not in w}
