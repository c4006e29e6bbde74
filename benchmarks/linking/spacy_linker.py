"""Who is meant in a title: spaCy's EntityLinker, trained on the same texts and base.

    pip install spacy
    python -m benchmarks.linking.spacy_linker [--fold 0 --epochs 20] [--model linking_poets]

Accuracy over gold mentions of poets in the base, fold by author. spaCy knows the same: the names,
how often training means whom (its prior; in the base's order where training has none), the text of
the title and the facts of each poet, whose vector is the mean of fixed random vectors of their
characters, for no package has vectors of Chinese words. Its own probabilities choose; its NIL
counts as wrong. The epoch is the best one of the validation split. Intervals are 95 % by bootstrap
over titles.
"""

import argparse
import random
import zlib

import numpy as np
import torch

from benchmarks.linking.poets import linked
from zoo.linking.corpora import Poets
from zoo.metrics.bootstrap import bootstrap_interval

WIDTH = 64


def vector(text):
    """The mean of the vectors of the characters, of length 1."""
    parts = [
        np.random.default_rng(zlib.crc32(character.encode())).normal(size=WIDTH)
        for character in text or "-"
    ]
    mean = np.mean(parts, axis=0)
    return mean / np.linalg.norm(mean)


def knowledge(vocab, data):
    """spaCy's base: names, priors counted in training, vectors of the facts."""
    from spacy.kb import InMemoryLookupKB

    entities = list(data.entities())
    meant = {}
    for text in data.texts("train"):
        for gold in text.mentions:
            key = text.text[gold.start : gold.end], gold.entity
            meant[key] = meant.get(key, 0) + 1
    base = InMemoryLookupKB(vocab, WIDTH)
    base.set_entities(
        [entity.id for entity in entities],
        [1] * len(entities),
        [vector(entity.description) for entity in entities],
    )
    named = {}
    for entity in entities:  # in the base's order
        for name in dict.fromkeys(entity.names):
            named.setdefault(name, []).append(entity.id)
    for name, ids in named.items():
        counts = np.array([meant.get((name, id_), 0) for id_ in ids]) + 0.5 ** np.arange(len(ids))
        base.add_alias(name, ids, (counts / counts.sum() * (1 - 1e-6)).tolist())
    return base


def examples(nlp, texts):
    """spaCy's form of texts with their gold."""
    from spacy.training import Example

    made = []
    for text in texts:
        spans = {(gold.start, gold.end): {gold.entity: 1.0} for gold in text.mentions}
        annotated = {"entities": [(*span, "PERSON") for span in spans], "links": spans}
        doc = nlp.make_doc(text.text)
        doc[0].is_sent_start = True
        for token in doc[1:]:
            token.is_sent_start = False
        made.append(
            Example.from_dict(doc, {**annotated, "sent_starts": [1] + [0] * (len(doc) - 1)})
        )
    return made


def right(linker, nlp, texts):
    """Whether each gold mention is linked as annotated."""
    found = []
    for example in examples(nlp, texts):
        doc = example.predicted
        doc.ents = [
            doc.char_span(ent.start_char, ent.end_char, ent.label_)
            for ent in example.reference.ents
        ]
        linker.set_annotations([doc], linker.predict([doc]))
        found += [
            mine.kb_id_ == gold.kb_id_
            for mine, gold in zip(doc.ents, example.reference.ents, strict=True)
        ]
    return np.array(found)


def trained(data, epochs, seed=0):
    """The pipeline and whether it is right on the test mentions, at the best epoch."""
    import spacy
    from spacy.util import fix_random_seed, minibatch

    fix_random_seed(seed)
    nlp = spacy.blank("zh")
    linker = nlp.add_pipe("entity_linker", config={"n_sents": 0})
    train = examples(nlp, data.texts("train"))
    linker.set_kb(lambda vocab: knowledge(vocab, data))
    optimizer = nlp.initialize(lambda: train)
    best, answer = 0.0, None
    for epoch in range(epochs):
        random.Random(seed + epoch).shuffle(train)
        for batch in minibatch(train, 32):
            nlp.update(batch, sgd=optimizer, drop=0.2)
        valid = right(linker, nlp, data.texts("valid")).mean()
        print(f"epoch {epoch}: validation {valid:.3f}", flush=True)
        if valid > best:
            best, answer = valid, right(linker, nlp, data.texts("test"))
    return answer


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--fold", type=int, default=0)
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--model", help="a checkpoint to print beside it")
    options = parser.parse_args()
    torch.set_num_threads(1)
    data = Poets(fold=options.fold, nil=False)
    answers = {"spaCy's EntityLinker": trained(data, options.epochs)}
    if options.model:
        answers[options.model] = linked(options.model, data)
    for name, values in answers.items():
        low, high = bootstrap_interval(torch.from_numpy(values.astype(float))[:, None])[
            :, 0
        ].tolist()
        print(f"{name:38}{values.mean():.3f}  [{low:.3f}, {high:.3f}]  of {len(values):,}")


if __name__ == "__main__":
    main()
