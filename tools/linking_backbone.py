"""A linker to start from: the first layers of a Chinese BERT of the zoo, for single characters.

    python tools/linking_backbone.py masks_small_zh backbone --depth 3
    zoo fit linking_polyphones --from backbone --data.root FOLDER

The vocabulary is that of the tokens that are one character. What else a linker has, its heads and
what tells the parts of a sequence apart, is new.
"""

import argparse
from typing import Any

import torch

import zoo
from zoo import checkpoint
from zoo.data.text import CharacterTokenizer
from zoo.linking.inputs import InputMaker
from zoo.linking.net import TransformerLinker
from zoo.masks.net import Transformer

NAME = "linking_polyphones"
PADDING, UNKNOWN = 0, 1  # of the linker's tokens


def linker_on(net: Transformer, depth: int) -> TransformerLinker:
    """Return a linker on the first layers of a network.

    The network has absolute positions, so a linker on it reads no more than so many characters.

    Args:
        net: from `zoo.load`, with its tokenizer.
        depth: layers to keep.
    """
    tokens = {token: id_ for id_, token in enumerate(net.preprocess.tokens) if len(token) == 1}
    blank = tokens.pop("▁", None)  # how this vocabulary writes a blank
    tokens |= {} if blank is None else {" ": blank, "\n": blank}
    shape: dict[str, Any] = net.encoder.arguments | {"depth": depth, "vocabulary": len(tokens) + 2}
    for name in ("segments", "targets", "padding"):
        del shape[name]
    made = TransformerLinker(**shape)
    state = net.encoder.state_dict()
    rows = [net.preprocess.padding, net.preprocess.unknown, *tokens.values()]
    state["token_embedding.weight"] = state["token_embedding.weight"][rows]
    state["token_embedding.weight"][PADDING] = 0
    parts = made.encoder.state_dict()["segment_embedding.weight"]
    state["segment_embedding.weight"] = parts + state["segment_embedding.weight"][0]
    own = made.encoder.state_dict()
    made.encoder.load_state_dict({name: state[name] for name in own})
    made.preprocess = InputMaker(CharacterTokenizer(tokens, max_length=1 << 20))
    return made


def main() -> None:
    """Make the checkpoint folder that the command line names."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("model", help="a model of zoo.masks: its name, a folder or a repository")
    parser.add_argument("folder", help="the checkpoint folder to write")
    parser.add_argument("--depth", type=int, default=3, help="layers to keep; default 3")
    options = parser.parse_args()
    torch.manual_seed(0)
    net = zoo.load(options.model)
    if not isinstance(net, Transformer):
        parser.error(f"{options.model} is no model of zoo.masks")
    made = linker_on(net, options.depth)
    checkpoint.save_start(options.folder, NAME, made, vars(net)["config"].get("derived"))
    print(f"{sum(p.numel() for p in made.parameters()):,} parameters in {options.folder}")


if __name__ == "__main__":
    main()
