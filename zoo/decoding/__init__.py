"""Generation of sequences from any autoregressive model, with the guarantee that it stops."""

from zoo.decoding.filters import Consistent, ConsistentTopK, ConsistentTopP
from zoo.decoding.generate import generate
from zoo.decoding.protocol import Decodable
from zoo.decoding.stopping import Generation

__all__ = ["Consistent", "ConsistentTopK", "ConsistentTopP", "Decodable", "Generation", "generate"]
