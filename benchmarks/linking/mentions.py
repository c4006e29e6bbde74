"""The mention ladder and end-to-end figures of a linker: all names, behaviour, network.

    python benchmarks/linking/mentions.py linking_poets [--data poets|polyphones] [--root FOLDER]

Micro-averaged over the test texts: of mentions (start, end); end to end of (start, end, id), as in
CCKS 2019's task 2; mentions of NIL are left out of the latter.
"""

import argparse

import zoo
from zoo.linking.corpora import LabelledTexts, Poets, Polyphones
from zoo.linking.metrics import SpanScores

DATA = {"poets": Poets, "polyphones": Polyphones, "own": LabelledTexts}


def row(name, found, gold):
    scores = SpanScores()
    scores.update(found, gold)
    values = scores.compute()
    print(
        f"{name:28}" + "".join(f"{float(values[k]):10.3f}" for k in ("precision", "recall", "f1"))
    )


def spans(found):
    return [{(mention.start, mention.end) for mention in mentions} for mentions in found]


def triples(found):
    return [{(m.start, m.end, m.entity) for m in mentions if m.entity} for mentions in found]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model")
    parser.add_argument("--data", choices=DATA, default="poets")
    parser.add_argument("--root", help="folder of polyphones or of one's own texts")
    options = parser.parse_args()
    net = zoo.load(options.model)
    data = DATA[options.data](**({"root": options.root} if options.root else {}))
    texts = data.texts("test")
    gold = spans(text.mentions for text in texts)
    words = [text.text for text in texts]
    matches = net.knowledge.all_longest_matches(words)
    print(f"{len(texts)} texts; mentions{'':12}{'precision':>10}{'recall':>10}{'f1':>10}")
    row("all names", spans(matches), gold)
    row("behaviour", spans(map(net.behaviour.offered, matches)), gold)
    found = net.link(words)
    row("network", spans(found), gold)
    linkable = triples(text.mentions for text in texts)
    row("end to end", triples(found), linkable)
    given = net.link(words, mentions=[list(text.mentions) for text in texts])
    row("with gold mentions", triples(given), linkable)


if __name__ == "__main__":
    main()
