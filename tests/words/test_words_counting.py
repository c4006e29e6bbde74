"""Counts, cohesion and entropies against plain Python, and what must not change them."""

import math
import tracemalloc

import brute
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zoo.words import Counts
from zoo.words.coarse_cut import cohesive, cut
from zoo.words.counting.chunks import count
from zoo.words.counting.memory import Budget, Storage
from zoo.words.kenlm_counts import measure_truncated
from zoo.words.kernels.rows import ROW, merge_rows
from zoo.words.ngram_statistics import measure

# Few letters make many repetitions; 𠀀 lies outside the basic plane, the comma is a break.
TEXTS = st.text(alphabet="甲乙丙丁𠀀，\n", max_size=300)
KEPT = "甲乙丙丁𠀀"


def table(ngrams):
    places = np.arange(ngrams.grams.size)
    return dict(zip(ngrams.words(places), places.tolist(), strict=True))


def counted(text, **options):
    return count([text], characters="letters", **options)


@settings(max_examples=60)
@given(TEXTS, st.integers(1, 3))
def test_counts_equal_a_plain_counter(text, min_count):
    expected = brute.ngram_counts(brute.sentences(text, KEPT), 4)
    ngrams = measure(counted(text), min_count)
    found = {w: int(ngrams.grams["count"][i]) for w, i in table(ngrams).items()}
    assert found == {w: c for w, c in expected.items() if c >= min_count}


@settings(max_examples=60)
@given(TEXTS, st.integers(1, 3), st.integers(1, 9))
def test_rarer_ngrams_are_those_of_two_and_three_that_no_longer_one_always_contains(
    text, rarer, min_count
):
    counts = brute.ngram_counts(brute.sentences(text, KEPT), 4)

    def contained(word):
        longer = [c + word for c in KEPT] + [word + c for c in KEPT]
        return any(counts[w] == counts[word] for w in longer)

    rarer = min(rarer, min_count)
    expected = {w: c for w, c in counts.items() if c >= min_count}
    expected |= {w: c for w, c in counts.items() if c >= rarer and len(w) < 3}
    expected |= {w: c for w, c in counts.items() if c >= rarer and len(w) == 3 if not contained(w)}
    ngrams = measure(counted(text), min_count, rarer=rarer)
    found = {w: int(ngrams.grams["count"][i]) for w, i in table(ngrams).items()}
    assert found == expected
    assert ngrams.min_count == rarer
    alone, frequent = measure(counted(text), min_count), ngrams.at_least(min_count)
    for name in ("grams", "starts", "prefix", "suffix", "slots", "total", "min_count", "pmi"):
        np.testing.assert_array_equal(getattr(frequent, name), getattr(alone, name))


@settings(max_examples=60)
@given(TEXTS)
def test_cohesion_and_entropies_equal_brute_force(text):
    lines = brute.sentences(text, KEPT)
    counts = brute.ngram_counts(lines, 4)
    ngrams = measure(counted(text), 1)
    for word, i in table(ngrams).items():
        left, right = brute.branching(lines, word)
        assert ngrams.grams["left_entropy"][i] == pytest.approx(left, abs=1e-9)
        assert ngrams.grams["right_entropy"][i] == pytest.approx(right, abs=1e-9)
        if len(word) > 1:
            assert ngrams.pmi[i] == pytest.approx(
                brute.pmi(counts, sum(map(len, lines)), word), abs=1e-9
            )


def test_commonest_extensions_and_growth():
    ngrams = measure(counted("甲乙丙，甲乙丙，丁甲乙丁，甲丙"), 1)
    places, grams = table(ngrams), ngrams.grams
    assert grams["right_most"][places["甲乙"]] == 2
    assert grams["left_most"][places["甲乙"]] == 1
    *_, left, right = ngrams.freedom()
    i = places["甲乙"]
    assert right[i] == pytest.approx(
        grams["right_entropy"][i] - grams["right_entropy"][places["甲"]]
    )
    assert left[i] == pytest.approx(grams["left_entropy"][i] - grams["left_entropy"][places["乙"]])


@settings(max_examples=40)
@given(TEXTS, st.integers(1, 50), st.integers(1, 3), st.booleans(), st.integers(1, 40))
def test_chunks_threads_and_spilling_change_nothing(text, chunk, threads, spill, block):
    whole = measure(counted(text), 4, rarer=1)
    blocks = [text[i : i + block] for i in range(0, len(text), block)]
    with Storage(0 if spill else None) as storage:
        counts = count(blocks, characters="letters", chunk=chunk, threads=threads, storage=storage)
        parts = measure(counts, 4, rarer=1)
        rows = np.concatenate([*counts.rows(block)]) if counts.length > 1 else None
        joined = "".join(
            "|" if c == 0 else chr(counts.alphabet[c - 1]) for t in counts.texts() for c in t
        )
    np.testing.assert_array_equal(parts.grams, whole.grams)
    expected = "|".join(brute.sentences(text, KEPT))
    assert joined.strip("|") == expected
    if rows is not None:
        order = np.lexsort((rows["tail"], rows["key"]))
        assert (order == np.arange(rows.size)).all()


@settings(max_examples=40)
@given(TEXTS, st.integers(1, 50), st.integers(1, 40))
def test_chunks_change_nothing_in_padded_windows(text, chunk, block):
    blocks = [text[i : i + block] for i in range(0, len(text), block)]
    options = {"characters": "letters", "windows": "padded"}
    whole, parts = count([text], **options), count(blocks, **options, chunk=chunk)
    rows = [np.concatenate([np.empty(0, ROW), *counts.rows()]) for counts in (whole, parts)]
    np.testing.assert_array_equal(*rows)


@settings(max_examples=30)
@given(st.lists(st.text(alphabet="甲乙丙，", max_size=30), max_size=12), st.randoms())
def test_the_order_of_lines_changes_nothing(lines, random):
    shuffled = random.sample(lines, len(lines))
    first, second = (measure(counted("\n".join(x)), 1) for x in (lines, shuffled))
    np.testing.assert_array_equal(first.grams, second.grams)


@settings(max_examples=40)
@given(TEXTS, st.sampled_from("甲乙丁𠀀"))
def test_numbers_fold_to_one_symbol_across_blocks(text, letter):
    text = text.replace(letter, "１２3")
    whole = measure(count([text]), 1)
    split = measure(count(list(text), chunk=3), 1)
    np.testing.assert_array_equal(whole.grams, split.grams)
    assert not any("00" in word for word in table(whole))


@settings(max_examples=40)
@given(texts=st.lists(TEXTS, min_size=1, max_size=4))
def test_merged_counts_equal_counts_of_everything(tmp_path_factory, texts):
    folder = tmp_path_factory.mktemp("shards")
    shards = []
    for i, text in enumerate(texts):
        counted(text).save(folder / f"{i}.counts")
        shards.append(Counts.load(folder / f"{i}.counts"))
    merged = measure(Counts.merge(*shards), 1)
    np.testing.assert_array_equal(merged.grams, measure(counted("\n".join(texts)), 1).grams)


def test_merge_refuses_different_kinds():
    with pytest.raises(ValueError, match="different kinds"):
        Counts.merge(count(["甲"]), count(["甲"], characters="post"))
    with pytest.raises(ValueError, match="cannot merge"):
        Counts.merge()


def test_a_damaged_shard_is_refused(tmp_path):
    path = tmp_path / "a.counts"
    counted("甲乙丙" * 9).save(path)
    whole = path.read_bytes()
    for place in range(25, len(whole)):  # any byte changed, be it in the head, the runs or the sum
        changed = bytearray(whole)
        changed[place] ^= 1
        path.write_bytes(changed)
        with pytest.raises(ValueError, match=r"a\.counts: damaged"):
            Counts.load(path)
    for damaged in (whole[:-1], whole + b"0", whole[:25]):
        path.write_bytes(damaged)
        with pytest.raises(ValueError, match=r"a\.counts: damaged"):
            Counts.load(path)
    path.write_bytes(whole)
    assert Counts.load(path).length == counted("甲乙丙" * 9).length
    path.write_bytes(b"something else")
    with pytest.raises(ValueError, match=r"Counts\.save"):
        Counts.load(path)


def test_equal_rows_beyond_32_bits_stay_apart_and_add_up():
    row = np.array([(1 << 48, 0, 0xFFFFFFF0)], ROW)
    merged = merge_rows(row, row)
    assert merged["count"].astype(np.int64).sum() == 2 * 0xFFFFFFF0


@settings(max_examples=60)
@given(TEXTS, st.integers(1, 3), st.integers(1, 60), st.floats(-1, 2), st.integers(2, 40))
def test_the_coarse_cut_equals_its_definition(text, min_count, chunk, threshold, longest):
    lines = brute.sentences(text, KEPT)
    counts = counted(text, chunk=chunk)
    ngrams = measure(counts, min_count)
    kept = cohesive(ngrams, (0, threshold, threshold, threshold))
    names = table(ngrams)
    solid = {w for w, i in names.items() if kept[i]}
    pieces = cut(counts.texts(), ngrams, kept, longest)
    expected = brute.Counter(p for line in lines for p in brute.coarse_cut(line, solid))
    short = {w: int(pieces.short[i]) for w, i in names.items() if pieces.short[i]}
    assert short == {p: c for p, c in expected.items() if 2 <= len(p) <= 4 and p in names}
    alphabet = counts.alphabet
    long = {
        "".join(chr(alphabet[c - 1]) for c in np.frombuffer(piece, np.uint16)): n
        for piece, n in pieces.long.items()
    }
    possible = [p for p in expected if 4 < len(p) <= longest]
    windows = {p: {p[i : i + 4] for i in range(len(p) - 3)} for p in possible}
    assert long == {p: expected[p] for p, parts in windows.items() if parts <= solid}
    for code, character in enumerate(map(chr, alphabet), 1):
        begun, ended = brute.Counter(), brute.Counter()
        for piece, times in expected.items():
            begun[piece[0]] += times * (len(piece) > 1)
            ended[piece[-1]] += times * (len(piece) > 1)
        assert pieces.roles[:, code].tolist() == [
            begun[character],
            ended[character],
            expected[character],
        ]


def test_too_many_characters_for_the_codes():
    text = "".join(map(chr, range(0x20000, 0x20000 + 70_000)))
    text = "".join(c for c in text if c.isalnum()) + "".join(
        c for c in map(chr, range(0x3400, 0xD7A4)) if c.isalnum()
    )
    with pytest.raises(ValueError, match="distinct characters"):
        measure(counted(text), 1)


def test_entropy_of_a_break_is_that_of_a_new_neighbour():
    ngrams = measure(counted("甲乙，甲乙，甲乙"), 3)
    i = table(ngrams)["甲乙"]
    assert ngrams.grams["right_entropy"][i] == pytest.approx(math.log(3))


def test_a_piece_without_end_is_not_held():
    ngrams = measure(counted("甲乙" * 9), 2)
    kept = np.ones(ngrams.grams.size, bool)
    codes = np.tile(np.array([1, 2], np.uint16), 1 << 17)
    peaks = []
    for parts in (4, 24):
        tracemalloc.start()
        pieces = cut((codes for _ in range(parts)), ngrams, kept, 8)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        assert pieces.long == {}
        assert pieces.roles.sum() == 2  # a beginning and an end
    assert peaks[1] < 2 * peaks[0]  # six times the text; other threads allocate too


@pytest.mark.parametrize("windows", ["exact", "padded"])
def test_the_least_count_rises_until_the_ngrams_have_room(windows):
    text = brute.sample_text()
    find = measure if windows == "exact" else measure_truncated
    counts = count([text], characters="letters", windows=windows)

    def budget(ngrams, block=1 << 20):
        return Budget(1 << 20, 0, block, ngrams, 10**9)

    def long_ones(ngrams):
        """What the budget is about: n-grams of two or more, or windows of four."""
        rows = [rows["count"][rows["count"] >= ngrams.min_count] for rows in counts.rows()]
        return (
            np.concatenate(rows).size if windows == "padded" else np.diff(ngrams.starts)[2:].sum()
        )

    free = find(counts, None, budget(10**9))
    assert free.min_count == 2
    for room in (long_ones(free) // 2, long_ones(free) // 5):
        tight = find(counts, None, budget(room))
        least = tight.min_count
        assert least > 2
        assert tight.grams.tobytes() == find(counts, least, budget(10**9)).grams.tobytes()
        assert long_ones(tight) <= room < long_ones(find(counts, least - 1, budget(10**9)))
        assert tight.grams.tobytes() == find(counts, None, budget(room, 50)).grams.tobytes()
        with pytest.raises(ValueError, match=f"room for {room:,} n-grams, but more occur 2 times"):
            find(counts, 2, budget(room))


def test_rarer_ngrams_are_taken_in_as_far_as_there_is_room():
    counts = count([brute.sample_text()], characters="letters")

    def found(room, block=1 << 20):
        budget = Budget(1 << 20, 0, block, room, 10**9)
        return measure(counts, 300, budget, rarer=2)

    free, frequent = found(10**9), measure(counts, 300)
    assert free.min_count == 2
    before, listed = 2, np.diff(frequent.starts)[2:].sum()
    for some in (free.grams.size // 2, free.grams.size // 4, listed - 1, 0):
        room = listed + some
        tight = found(room)
        assert before < tight.min_count <= 300
        assert (tight.min_count == 300) == (some < listed)
        two = tight.min_count < 300
        assert np.diff(tight.starts)[2:].sum() + two * listed <= room
        assert tight.grams.tobytes() == found(10**9).at_least(tight.min_count).grams.tobytes()
        assert tight.grams.tobytes() == found(room, 50).grams.tobytes()
        assert tight.at_least(300).grams.tobytes() == frequent.grams.tobytes()
        before = min(tight.min_count, 299)
    with pytest.raises(ValueError, match="n-grams, but more occur 300 times"):
        found(room - 1)
