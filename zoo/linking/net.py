"""The modern network: a bi-encoder that chooses candidates and a cross-encoder that reads them."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.rnn import pad_sequence

from zoo.layers.sizes import require_sizes
from zoo.linking.inputs import CANDIDATE, MENTION, OVERLAPS, Batch
from zoo.linking.knowledge.base import KnowledgeBase
from zoo.linking.linker import Linker, prior_weights
from zoo.linking.losses import listed
from zoo.linking.questions import NIL_FEATURES, described
from zoo.linking.vectors import EntityVectors, weights_sum
from zoo.masks.attention.schemes import padding
from zoo.masks.encoder import Encoder, initialise

PARTS = 4
ENCODED = 256  # entities encoded at once


class TransformerLinker(Linker):
    """Score candidates by one encoder, used twice, and by what is known before the text is read.

    The bi-encoder (Wu et al., BLINK, arXiv 1911.03814, section 4) gives a mention in its text and
    an entity one vector each; the cross-encoder reads both in one sequence, in which each character
    also has the overlap features of Su 6919. NIL has a logit of its own.

    Args:
        vocabulary: number of token ids; 0 is padding.
        width: channels of a token; default 128.
        depth: layers; default 2.
        heads: attention heads; default 4.
        dropout: dropout probability in training; default 0.1.
        read: candidates of a mention that the cross-encoder reads in use, the best ones by the
            rest; the others have probability 0. Default 16.
        prior: whether what is known before the text is read counts; default yes.
        asked: options of `Questioner`, as in training; default its defaults.
        **shape: the other arguments of `Encoder`, such as `hidden`.

    Attributes:
        arguments: all of these, defaults included, as a dict.
    """

    def __init__(
        self,
        vocabulary: int,
        width: int = 128,
        depth: int = 2,
        heads: int = 4,
        dropout: float = 0.1,
        read: int = 16,
        prior: bool = True,
        asked: dict[str, bool] | None = None,
        **shape: Any,
    ) -> None:
        super().__init__(asked)
        require_sizes(read=read)
        self.encoder = Encoder(vocabulary, width, depth, heads, dropout, segments=PARTS, **shape)
        self.arguments = {
            **self.encoder.arguments,
            "read": read,
            "prior": prior,
            "asked": self.asked,
        }
        del self.arguments["segments"]
        self.read, self.prior = read, prior
        self.overlap = nn.Linear(OVERLAPS, width, bias=False)
        self.project_query = nn.Linear(width, width)
        self.project_entity = nn.Linear(width, width)
        self.sharpness = nn.Parameter(torch.tensor(1.0))
        self.compare = nn.Sequential(
            nn.Linear(3 * width, width), nn.GELU(), nn.Dropout(dropout), nn.Linear(width, 1)
        )
        self.weigh = prior_weights()
        self.unknown = nn.Linear(width + NIL_FEATURES, 1)
        nn.init.normal_(self.overlap.weight, std=0.02)
        for module in (self.project_query, self.project_entity, self.unknown):
            initialise(module)
        self.compare.apply(initialise)

    def encode(self, tokens: Tensor, parts: Tensor, overlaps: Tensor | None = None) -> Tensor:
        """Return the states of characters, float (rows, time, width)."""
        x = self.encoder.token_embedding(tokens)
        if overlaps is not None:
            x = x + self.overlap(overlaps)
        return self.encoder.run(x, padding(tokens != 0), parts)

    def query_vectors(self, batch: Batch) -> Tensor:
        """Return a vector of length 1 for each mention in its text: float (questions, width)."""
        states = self.encode(batch.query_tokens, batch.query_parts)
        at_mention = (batch.query_parts == MENTION) & (batch.query_tokens != 0)
        return F.normalize(self.project_query(mean(states, at_mention)), dim=-1)

    def entity_vectors(self, tokens: Tensor) -> Tensor:
        """Return a vector of length 1 for each entity: float (entities, width).

        Args:
            tokens: int64 (entities, time): what is read of each.
        """
        states = self.encode(tokens, torch.full_like(tokens, CANDIDATE))
        return F.normalize(self.project_entity(mean(states, tokens != 0)), dim=-1)

    def cross_scores(self, batch: Batch, pairs: Tensor | None = None) -> Tensor:
        """Read mentions and candidates together: float (pairs,).

        Args:
            batch: questions.
            pairs: bool (pairs,): which to read, the others get -inf; default all.
        """
        if pairs is not None and not bool(pairs.all()):
            kept = batch._replace(
                tokens=batch.tokens[pairs], parts=batch.parts[pairs], overlaps=batch.overlaps[pairs]
            )
            scores = batch.features.new_full((len(batch.tokens),), -torch.inf)
            return scores.index_put((pairs,), self.cross_scores(kept).to(scores.dtype))
        states = self.encode(batch.tokens, batch.parts, batch.overlaps)
        real = batch.tokens != 0
        mention = mean(states, real & (batch.parts == MENTION))
        candidate = mean(states, real & (batch.parts == CANDIDATE))
        return self.compare(torch.cat([mention, candidate, mention * candidate], dim=-1))[:, 0]

    def before(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Score candidates by the bi-encoder and by what is known before the text is read.

        Returns:
            float (pairs,), the scores; float (questions,), the logit of NIL.
        """
        query = self.query_vectors(batch)  # (questions, width)
        nil = self.unknown(torch.cat([query, batch.nil_features], dim=-1))[:, 0]
        if not len(batch.tokens):
            return nil.new_zeros(0), nil
        entity = self._stored_vectors(batch)  # (pairs, width)
        if entity is None:
            entity = self._encoded_once(batch)
        scores = (query[batch.question] * entity).sum(-1) * self.sharpness.exp()
        if self.prior:
            scores = scores + self.weigh(batch.features)[:, 0]
        return scores, nil

    def encode_knowledge(self, before: EntityVectors | None = None) -> EntityVectors:
        """Encode all entities of the base once, and use their vectors until weights change.

        In training mode they are returned alone, without dropout.

        Args:
            before: vectors of an earlier state of the base, which are taken over; default none.

        Raises:
            ValueError: if `before` is of other weights or of another base.
        """
        rows, digest = self.knowledge.history[-1]
        done = 0
        vectors = np.empty((rows, self.project_entity.out_features), np.float16)
        if before is not None:
            before.require_of(self, self.knowledge)
            done = len(before.vectors)
            vectors[:done] = before.vectors
        training = self.training
        self.eval()  # dropout would stay in the vectors
        for start in range(done, rows, ENCODED):
            end = min(start + ENCODED, rows)
            texts = [described(self.knowledge.at(row)) for row in range(start, end)]
            ids = [self.preprocess.ids(self.preprocess.candidate(text)) for text in texts]
            tokens = pad_sequence(ids, batch_first=True).to(self.sharpness.device)
            with torch.inference_mode():
                vectors[start:end] = self.entity_vectors(tokens).half().cpu().numpy()
        made = EntityVectors(vectors, weights_sum(self), digest)
        vars(self)["vectors"] = made
        self.train(training)  # in training mode they are forgotten at once
        return made

    def use_vectors(self, vectors: EntityVectors) -> None:
        """Use stored vectors in place of encoding candidates.

        Raises:
            ValueError: if they are of other weights or of another base.
        """
        vectors.require_of(self, self.knowledge)
        vars(self)["vectors"] = vectors

    def with_knowledge(self, knowledge: KnowledgeBase) -> Linker:
        """See `Linker.with_knowledge`; stored vectors stay behind."""
        other = super().with_knowledge(knowledge)
        other.forget()
        return other

    def forget(self) -> None:
        """See `Linker.forget`."""
        vars(self)["vectors"] = None

    def _stored_vectors(self, batch: Batch) -> Tensor | None:
        """Return the vectors of candidates, None unless they are stored and nobody trains."""
        stored = getattr(self, "vectors", None)
        if stored is None or self.training or int(batch.row.max()) >= len(stored.vectors):
            return None
        return torch.from_numpy(stored.vectors[batch.row.cpu().numpy()]).to(self.weigh.weight)

    def _encoded_once(self, batch: Batch) -> Tensor:
        """Return the vectors of candidates; one that several questions have is encoded once."""
        rows, which = batch.row.unique(return_inverse=True)
        pairs = torch.arange(len(which), device=which.device)
        one_of = torch.empty_like(rows).scatter_(0, which, pairs)  # its pairs read the same
        return self.entity_vectors(batch.candidate_tokens[one_of])[which]

    def forward(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Score all candidates both ways, for training.

        Returns:
            Two of float (questions, 1 + candidates), as `listed` returns them: the logits; and
            those of the bi-encoder and the prior alone.
        """
        scores, nil = self.before(batch)
        early = listed(scores, nil, batch.question, batch.place)
        if not len(scores):
            return early, early
        both = scores + self.cross_scores(batch)
        return listed(both, nil, batch.question, batch.place), early

    def logits(self, batch: Batch) -> Tensor:
        """See `Linker.logits`."""
        scores, nil = self.before(batch)
        if len(scores):
            early = listed(scores, nil, batch.question, batch.place)[:, 1:]
            best = (
                early.argsort(1, descending=True).argsort(1) < self.read
            )  # (questions, candidates)
            scores = scores + self.cross_scores(batch, best[batch.question, batch.place])
        return listed(scores, nil, batch.question, batch.place)


def mean(states: Tensor, chosen: Tensor) -> Tensor:
    """Return the mean of states (rows, time, width) where `chosen`, bool (rows, time), is true."""
    weight = chosen[..., None].to(states.dtype)
    return (states * weight).sum(1) / weight.sum(1).clamp(min=1)
