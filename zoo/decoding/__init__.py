"""Generation of sequences from any autoregressive model, with the guarantee that it stops."""

from zoo.decoding.filters import Consistent, ConsistentTopK, ConsistentTopP
from zoo.decoding.generate import generate
from zoo.decoding.heads import SelfTerminating
from zoo.decoding.laboratory import non_termination_ratio
from zoo.decoding.protocol import Decodable
from zoo.decoding.stopping import Generation

__all__ = [
    "Consistent",
    "ConsistentTopK",
    "ConsistentTopP",
    "Decodable",
    "Generation",
    "SelfTerminating",
    "generate",
    "non_termination_ratio",
]
