"""The mention ladder and end-to-end figures of a linker: all names, behaviour, network.

    python benchmarks/linking/mentions.py linking_poets
    python benchmarks/linking/mentions.py MODEL --data polyphones|own --root FOLDER
    python benchmarks/linking/mentions.py MODEL --data wordnet [--path FILE]

Micro-averaged over the test texts: of mentions (start, end); end to end of (start, end, id), as in
CCKS 2019's task 2; mentions of NIL are left out of the latter.
"""

import argparse

import zoo
from zoo.linking.corpora import LabelledTexts, Poets, Polyphones, WordNet
from zoo.linking.metrics import ladder

DATA = {"poets": Poets, "polyphones": Polyphones, "wordnet": WordNet, "own": LabelledTexts}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model")
    parser.add_argument("--data", choices=DATA, default="poets")
    parser.add_argument("--root", help="folder of polyphones or of one's own texts")
    parser.add_argument("--path", help="file of poets or of WordNet; default the embedded one")
    options = parser.parse_args()
    net = zoo.load(options.model)
    given = {"root": options.root, "path": options.path}
    data = DATA[options.data](**{name: value for name, value in given.items() if value})
    texts = data.texts("test")
    print(f"{len(texts)} texts{'':20}" + "".join(f"{k:>10}" for k in ("precision", "recall", "f1")))
    for step, values in ladder(net, texts).items():
        print(f"{step:28}" + "".join(f"{value:10.3f}" for value in values.values()))


if __name__ == "__main__":
    main()
