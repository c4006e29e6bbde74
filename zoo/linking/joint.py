"""Su's joint network (6919): it finds mentions among dictionary matches, and links one to one."""

from __future__ import annotations

from bisect import bisect_left
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence, pad_sequence

from zoo.layers.arguments import built_with
from zoo.layers.sizes import require_sizes
from zoo.linking.inputs import CONTEXT, MENTION, OVERLAPS, Batch, line, span_marks
from zoo.linking.knowledge.base import Match
from zoo.linking.linker import Linker, prior_weights
from zoo.linking.losses import half_pointers, listed
from zoo.linking.questions import NIL_FEATURES

PIECE = 256  # characters of a text that are tagged at once
CACHED = 4096  # descriptions whose states are kept


class BidirectionalLSTM(nn.Module):
    """A bidirectional LSTM that does not see padding.

    Args:
        channels: of its input.
        width: channels of its output, half of each direction.
    """

    def __init__(self, channels: int, width: int) -> None:
        super().__init__()
        self.lstm = nn.LSTM(channels, width // 2, batch_first=True, bidirectional=True)

    def forward(self, x: Tensor, valid: Tensor) -> Tensor:
        """Return float (rows, time, width) of x (rows, time, channels); 0 where not `valid`."""
        lengths = valid.sum(1).clamp(min=1).cpu()
        packed = pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
        return pad_packed_sequence(self.lstm(packed)[0], batch_first=True, total_length=x.shape[1])[
            0
        ]


class TwoWayAttention(nn.Module):
    """Each side of a pair looks at the other; what it sees is max-pooled.

    Args:
        width: channels of both sides.
        heads: attention heads.
    """

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.forth = nn.MultiheadAttention(width, heads, batch_first=True)
        self.back = nn.MultiheadAttention(width, heads, batch_first=True)

    def forward(self, q: Tensor, d: Tensor, q_valid: Tensor, d_valid: Tensor) -> Tensor:
        """Return float (rows, 2 width) of q (rows, time, width) and d (rows, other, width)."""
        forth, _ = self.forth(q, d, d, key_padding_mask=~d_valid, need_weights=False)
        back, _ = self.back(d, q, q, key_padding_mask=~q_valid, need_weights=False)
        return torch.cat([highest(forth, q_valid), highest(back, d_valid)], dim=-1)


class JointLinker(Linker):
    """Tag the mentions of a text, and score the candidates of one, with shared states.

    Of the post: the LSTMs, the half-pointer tagging of dictionary matches, the three overlap
    features and the two-way attention. Not of the post: a softmax over all candidates and NIL in
    place of one random candidate a step, and no vectors of words.

    Args:
        vocabulary: number of token ids; 0 is padding.
        width: channels of all states; default 128.
        heads: attention heads; default 8.
        dropout: dropout probability in training; default 0.2.
        tagged: the probability of a start, and of an end, from which on they are taken; default
            0.4, the post's.
        prior: whether what is known before the text is read counts; default no, as in the post.
        asked: options of `Questioner`, as in training; default its defaults.

    Attributes:
        arguments: all of these, as a dict.
    """

    def __init__(
        self,
        vocabulary: int,
        width: int = 128,
        heads: int = 8,
        dropout: float = 0.2,
        tagged: float = 0.4,
        prior: bool = False,
        asked: dict[str, bool] | None = None,
    ) -> None:
        super().__init__(asked)
        self.arguments = built_with(locals())
        require_sizes(vocabulary=vocabulary, width=width, heads=heads)
        if width % 2 or width % heads:
            raise ValueError(
                f"width is {width}: expected an even number that {heads} heads divide; change one"
            )
        self.tagged = tagged
        self.embedding = nn.Embedding(vocabulary, width, padding_idx=0)
        self.dropout = nn.Dropout(dropout)
        self.read_text = BidirectionalLSTM(width + 2, width)
        self.convolve = nn.Conv1d(width, width, 3, padding=1)
        self.point = nn.Linear(width, 2)
        self.read_query = BidirectionalLSTM(width + 1 + OVERLAPS, width)
        self.read_description = BidirectionalLSTM(width, width)
        self.attention = TwoWayAttention(width, heads)
        self.compare = nn.Sequential(
            nn.Dropout(dropout), nn.Linear(3 * width, width), nn.ReLU(), nn.Linear(width, 1)
        )
        self.weigh = prior_weights() if prior else None
        self.unknown = nn.Linear(NIL_FEATURES, 1)
        self._described: OrderedDict[tuple[int, ...], Tensor] = OrderedDict()

    def text_states(self, tokens: Tensor, matched: Tensor) -> Tensor:
        """Read texts: float (texts, time, width) of tokens and matches (texts, time, 2)."""
        x = torch.cat([self.dropout(self.embedding(tokens)), matched], dim=-1)
        return self.read_text(x, tokens != 0)

    def pointers(self, states: Tensor) -> Tensor:
        """Return logits of where mentions begin and end: float (texts, time, 2)."""
        return self.point(self.convolve(states.mT).relu().mT)

    def description_states(self, tokens: Tensor) -> Tensor:
        """Read candidates: float (pairs, time, width); in use those last read are kept."""
        if self.training:
            return self._describe(tokens)
        keys = [tuple(filter(None, row)) for row in tokens.tolist()]
        fresh = list(dict.fromkeys(key for key in keys if key not in self._described))
        if fresh:
            rows = pad_sequence([torch.tensor(key) for key in fresh], batch_first=True)
            for key, states in zip(fresh, self._describe(rows.to(tokens.device)), strict=True):
                self._described[key] = states[: len(key)].clone()
        found = [self._described[key] for key in keys]
        for key in keys:
            self._described.move_to_end(key)
        while len(self._described) > CACHED:
            self._described.popitem(last=False)
        return pad_sequence(found, batch_first=True)

    def _describe(self, tokens: Tensor) -> Tensor:
        return self.read_description(self.dropout(self.embedding(tokens)), tokens != 0)

    def forget(self) -> None:
        """See `Linker.forget`."""
        self._described.clear()

    def forward(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Score candidates and tag texts, for training.

        Returns:
            float (questions, 1 + candidates), as `listed` returns it; float (questions, time, 2),
            the logits of where mentions begin and end.
        """
        text = batch.matched.shape[1]  # characters; the context is not read
        tokens = batch.query_tokens[:, :text].where(batch.query_parts[:, :text] != CONTEXT, 0)
        states = self.text_states(tokens, batch.matched)
        nil = self.unknown(batch.nil_features)[:, 0]
        scores = nil.new_zeros(0)
        if len(batch.tokens):
            scores = self.pair_scores(batch, states[batch.question])
        return listed(scores, nil, batch.question, batch.place), self.pointers(states)

    def pair_scores(self, batch: Batch, states: Tensor) -> Tensor:
        """Compare mentions with candidates: float (pairs,).

        Args:
            batch: questions.
            states: float (pairs, text, width): of the text of each pair.
        """
        # the longest text may have no candidates, and be longer than any pair
        states = states[:, : batch.tokens.shape[1]]
        text = states.shape[1]
        parts = batch.parts[:, :text]
        valid = (batch.tokens[:, :text] != 0) & (parts < CONTEXT)
        mention = valid & (parts == MENTION)
        marks = batch.overlaps[:, :text] * valid[..., None]
        y = torch.cat([mention[..., None].to(marks.dtype), marks], dim=-1)
        q = self.read_query(torch.cat([states, y], dim=-1), valid)
        d = self.description_states(batch.candidate_tokens)
        d_valid = batch.candidate_tokens[:, : d.shape[1]] != 0
        weight = mention[..., None].to(q.dtype)
        at_mention = (q * weight).sum(1) / weight.sum(1).clamp(min=1)
        seen = self.attention(q, d, valid, d_valid)
        scores = self.compare(torch.cat([seen, at_mention], dim=-1))[:, 0]
        return scores if self.weigh is None else scores + self.weigh(batch.features)[:, 0]

    def logits(self, batch: Batch) -> Tensor:
        """See `Linker.logits`."""
        return self(batch)[0]

    def tagging_loss(self, batch: Batch, pointers: Tensor) -> Tensor:
        """Return the loss of finding mentions, float (questions,), of what `forward` returned."""
        text = batch.matched.shape[1]
        valid = (batch.query_tokens[:, :text] != 0) & (batch.query_parts[:, :text] != CONTEXT)
        return half_pointers(pointers, batch.gold, batch.matched, valid)

    @torch.inference_mode()
    def detect(self, texts: Sequence[str]) -> list[list[Any]]:
        """Return the spans of each text whose start and end are both pointed at.

        No fewer and no more than annotators mark.
        """
        found = self.knowledge.all_longest_matches(texts)
        return [self._detect(*both) for both in zip(texts, found, strict=True)]

    def _detect(self, text: str, matches: Sequence[Match]) -> list[tuple[int, int]]:
        spans = [(match.start, match.end) for match in matches]
        offered = [(match.start, match.end) for match in self.behaviour.offered(matches)]
        probable: list[float] = []
        for start, end in pieces(spans, len(text)):
            first, last = (bisect_left(offered, (place, 0)) for place in (start, end))
            if first < last:
                probable += self._pointed(text, start, end, spans, offered[first:last])
        return self.behaviour.likeliest(offered, probable, self.tagged, len(text))

    def _pointed(
        self,
        text: str,
        start: int,
        end: int,
        matches: Sequence[tuple[int, int]],
        spans: Sequence[tuple[int, int]],
    ) -> list[float]:
        """Return the smaller of the probabilities of start and end of each span of a piece.

        The piece is read as in training: with all its `matches`, of which the spans are some. They
        do not overlap, so the end that is nearest to a start is its own.
        """
        device = self.point.weight.device
        firsts, lasts = (torch.tensor(spans, device=device) - start).unbind(1)
        matched = span_marks(matches, start, end)[None].to(device)
        tokens = self.preprocess.ids(line(text[start:end]))[None].to(device)
        probable = self.pointers(self.text_states(tokens, matched))[0].sigmoid()
        return torch.minimum(probable[firsts, 0], probable[lasts - 1, 1]).tolist()


def pieces(matches: Sequence[tuple[int, int]], length: int) -> Iterator[tuple[int, int]]:
    """Cut a text into pieces of at most `PIECE` characters, or one match that is longer.

    Args:
        matches: (start, end) of what is not to be cut, by their start; they do not overlap.
        length: of the text.

    Yields:
        start and end of each piece.
    """
    start = 0
    while start < length:
        end = min(start + PIECE, length)
        before = bisect_left(matches, (end, 0))
        if before and matches[before - 1][1] > end:  # it would be cut
            first, last = matches[before - 1]
            end = first if first > start else last
        yield start, end
        start = end


def highest(states: Tensor, valid: Tensor) -> Tensor:
    """Return the maximum of states (rows, time, width) over the time that is `valid`."""
    return states.masked_fill(~valid[..., None], -torch.inf).amax(1)
