"""The corpora as the techniques batch them: names of figures, and what evaluation leaves out."""

import pytest

from zoo import adversarial, decoding, masks
from zoo.adversarial.data import Poems as PoemsToClassify
from zoo.adversarial.data import Sentiment
from zoo.data.poems import load_poems
from zoo.decoding.data import Poems as PoemsToContinue
from zoo.masks.data import Poems as PoemsAsText
from zoo.masks.data import Titles


@pytest.mark.parametrize(
    ("data", "title"),
    [
        (PoemsToClassify(), "Poems, embedded sample"),
        (PoemsToContinue(), "Poems to continue, embedded sample"),
        (PoemsAsText(path="a/full.tsv.gz"), "Poems as text, full.tsv.gz"),
        (Sentiment(), "Sentiment"),
        (Sentiment(unseen_only=True), "Sentiment, unseen texts"),
        (Titles(), "CSL titles"),
        (Titles(unseen_only=True), "CSL titles, unseen abstracts"),
    ],
)
def test_figures_are_filed_under_the_names_that_published_metrics_have(data, title):
    assert data.title == title


def test_three_techniques_read_the_same_poems():
    poems = load_poems(split="valid")
    assert [text for text, _ in PoemsToClassify().read("valid")] == [p.text for p in poems]
    assert [p.source + p.target for p in PoemsToContinue().read("valid")] == [p.text for p in poems]
    assert [p.source for p in PoemsAsText().read("valid")] == [p.text for p in poems]
    for technique in (adversarial, decoding, masks):
        assert technique.data.Poems.__module__ == technique.data.__name__


def test_evaluation_may_leave_out_what_training_has():
    root = "tests/conf/data/sentiment"
    every, unseen = Sentiment(root=root), Sentiment(root=root, unseen_only=True)
    seen = {text for text, _ in every.train}
    for split in ("valid", "test"):
        expected = [example for example in every.read(split) if example[0] not in seen]
        assert unseen.held_out(split) == expected
        assert every.held_out(split) == every.read(split)
