"""A cluster finds the lexicon that one machine finds."""

import brute
import numpy as np
import pytest

from zoo.words import discover_words

distributed = pytest.importorskip("distributed", reason="needs the extra [dask]")


@pytest.mark.slow
def test_two_workers_find_the_lexicon_of_one(tmp_path):
    from zoo.words.distributed import discover_words as discover_together

    lines = brute.sample_text(3000).split("\n")
    files = []
    for i in range(5):
        files.append(tmp_path / f"{i}.txt")
        files[-1].write_text("\n".join(lines[i::5]), encoding="utf-8")
    (tmp_path / "shared").mkdir()
    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, host="127.0.0.1", dashboard_address=None
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        for method, least in (("pmi+entropy", None), ("pmi+entropy", 200), ("ngram", 200)):
            options = {"method": method, "min_count": least, "characters": None}
            alone = discover_words(files, **options)
            together = discover_together(client, files, folder=tmp_path / "shared", **options)
            assert list(together.words) == list(alone.words)
            for name in ("count", "score", "pmi", "left_entropy", "right_entropy"):
                np.testing.assert_array_equal(getattr(together, name), getattr(alone, name))
            assert together.background == alone.background
        (tmp_path / "bad.txt").write_bytes(b"\xff")
        with pytest.raises(ValueError, match=r"bad\.txt: byte 0"):
            discover_together(client, [tmp_path / "bad.txt"], folder=tmp_path / "shared")
        with pytest.raises(ValueError, match="method='x'"):
            discover_together(client, files, method="x")
    assert list((tmp_path / "shared").iterdir()) == []
