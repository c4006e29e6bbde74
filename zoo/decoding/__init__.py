"""Generation of sequences from any autoregressive model, with the guarantee that it stops."""

from typing import TYPE_CHECKING

from zoo.lazy import attach

if TYPE_CHECKING:
    from zoo.decoding.engine.filters import Consistent as Consistent
    from zoo.decoding.engine.filters import ConsistentTopK as ConsistentTopK
    from zoo.decoding.engine.filters import ConsistentTopP as ConsistentTopP
    from zoo.decoding.engine.protocol import Decodable as Decodable
    from zoo.decoding.engine.record import Generation as Generation
    from zoo.decoding.generate import generate as generate
    from zoo.decoding.generate import stream_tokens as stream_tokens
    from zoo.decoding.heads import SelfTerminating as SelfTerminating
    from zoo.decoding.laboratory import non_termination_ratio as non_termination_ratio
    from zoo.decoding.models.decodable import as_decodable as as_decodable

attach(__name__, __file__)
