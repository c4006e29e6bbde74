"""Model cards: what they say is what was measured."""

import json
import subprocess
import sys

import pytest
from huggingface_hub import ModelCard
from test_checkpoint import NOTES, RESULT, TINY

from zoo import registry
from zoo.checkpoint import card

E5 = "multilingual-e5-small"
CONFIG = {"format": 1, "model": TINY.name, "arguments": {}}
RESULTS = [
    RESULT,
    RESULT | {"seed": 1, "value": 0.5},
    RESULT | {"split": "validation", "value": 1},
    {"metric": "perplexity", "value": 1e-05, "data": "other: {data}"},
]


@pytest.fixture
def folder(tmp_path):
    text = card.render(CONFIG, RESULTS, TINY, NOTES)
    (tmp_path / "README.md").write_text(text, encoding="utf-8")
    (tmp_path / "notes.md").write_text(NOTES, encoding="utf-8")
    (tmp_path / "metrics.json").write_text(json.dumps({"results": RESULTS}))
    return tmp_path


def test_model_index_has_every_number_exactly(folder):
    data = ModelCard((folder / "README.md").read_text("utf-8")).data
    said = [(r.metric_type, r.metric_value, r.dataset_split) for r in data["eval_results"]]
    assert said == [(r["metric"], r["value"], r.get("split")) for r in RESULTS]
    assert data["model_name"] == TINY.name
    assert data["license"] == "apache-2.0"
    assert data["pipeline_tag"] == TINY.task


def test_body_tells_what_how_and_whence(folder):
    text = (folder / "README.md").read_text("utf-8")
    for needed in (
        TINY.summary,
        TINY.paper,
        TINY.post,
        "zoo.load(",
        "torch.hub.load(",
        "zoo fit recipe.yaml",
        "| test_accuracy | 0.91346 | test | Poems of Tang & Song | 0 | 1234567 |",
        RESULT["command"],
        f"\n## Notes\n\n{NOTES}\n\n## Licence\n",
        TINY.licence,
    ):
        assert needed in text
    assert text.count(RESULT["command"]) == 1, "one command, though three results have it"


def test_card_agrees_with_its_metrics(folder):
    card.check(folder)


def test_card_without_metrics(folder):
    (folder / "README.md").write_text(card.render(CONFIG, [], TINY, NOTES), encoding="utf-8")
    with pytest.raises(ValueError, match=r"metrics\.json has .* and README\.md has not"):
        card.check(folder)
    (folder / "metrics.json").write_text('{"results": []}')
    card.check(folder)


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ("value: 0.9134615384615384", "value: 0.9134615384615385", "README.md has 'test_accuracy'"),
        ("split: validation", "split: test", "README.md has 'test_accuracy' = 1"),
        ("seed: 1", "seed: 2", "README.md has 'test_accuracy' = 0.5"),
        ("| 0.91346 |", "| 0.95346 |", "its table lacks the row"),
        ("91.2 ± 0.1", "99.2 ± 0.1", "lacks the text of notes.md"),
        ("license: apache", "]license: apache", "no readable front matter"),
        ("model-index:\n- name", "model-index:\n- nom", "no readable front matter"),
    ],
)
def test_a_card_that_says_something_else_is_refused(folder, old, new, complaint):
    readme = folder / "README.md"
    text = readme.read_text("utf-8")
    assert old in text
    readme.write_text(text.replace(old, new), encoding="utf-8")
    with pytest.raises(ValueError, match=complaint) as error:
        card.check(folder)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("name", ["README.md", "metrics.json"])
def test_a_missing_card_or_missing_metrics_are_named(folder, name):
    (folder / name).unlink()
    with pytest.raises(FileNotFoundError, match=f"{name} is missing: save the checkpoint again"):
        card.check(folder)


def test_a_card_of_ones_own_data_claims_no_licence_for_them():
    own = CONFIG | {"data": "reviews.csv", "from": "adversarial_fgm_sentiment"}
    text = card.render(own, [], TINY)
    assert ModelCard(text).data["license"] == "other"
    _, _, licence = text.partition("## Licence")
    assert "reviews.csv is its owner's" in licence
    assert f"adversarial_fgm_sentiment, from which they started, is under {TINY.licence}" in licence
    from_scratch = card.render(CONFIG | {"data": "reviews.csv"}, [], TINY).partition("## Licence")
    assert TINY.licence not in from_scratch[2]


@pytest.mark.parametrize(
    ("config", "licence", "said", "notice"),
    [
        ({}, "mit", "MIT\n", False),  # from scratch, with whatever recipe
        ({"derived": E5}, "mit", f"MIT. The weights derive from {E5} (Wang", True),
        ({"from": "masks_small_zh", "derived": E5}, "mit", f"derive from {E5} (Wang", True),
        ({"data": "a.csv", "from": "org/repo", "derived": E5}, "other", f"from {E5} (Wang", True),
        (
            {"from": "bert-base", "derived": "bert-base"},
            "other",
            "bert-base, from which they started, is under the licence of its owner. "
            "The weights derive from bert-base, under the licence of its owner.",
            False,
        ),
        (
            {"from": "masks_title_csl", "derived": "bert-base"},
            "other",
            "masks_title_csl, from which they started, is under MIT. The weights derive from bert",
            False,
        ),
        (
            {"data": "a.csv", "from": "masks_title_csl on b.csv"},
            "other",
            "masks_title_csl on b.csv, from which they started, is under the licence of its owner",
            False,
        ),
    ],
)
def test_the_licence_and_the_descent_are_those_of_the_weights(config, licence, said, notice):
    entry = registry.describe("masks_classifier_sentiment")  # the zoo's own derives from E5
    text = card.render(CONFIG | config, [], entry)
    assert ModelCard(text).data["license"] == licence
    _, _, section = text.partition("## Licence\n\n")
    assert said in section
    assert (card.NOTICE.read_text("utf-8") in section) == notice == (E5 in section)


@pytest.mark.parametrize("name", ["linking_poets", "linking_polyphones", "linking_wordnet"])
def test_a_folder_that_holds_texts_of_others_holds_their_licence(name):
    entry = registry.describe(name)
    (notice,) = (card.SAMPLES / corpus.notice for corpus in entry.data if corpus.notice)
    bundled = card.SAMPLES.parent.parent / "checkpoints" / name / "README.md"
    assert notice.read_text("utf-8").strip() in bundled.read_text("utf-8")
    own = card.render(CONFIG | {"data": "mine"}, [], entry)
    assert notice.read_text("utf-8").strip() not in own


def test_without_notes_there_is_no_section():
    assert "Notes" not in card.render(CONFIG, RESULTS, TINY)


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"results": 3}', '{"results": [3]}', "\xff"])
def test_malformed_metrics_are_refused(folder, content):
    (folder / "metrics.json").write_bytes(content.encode("latin-1"))
    with pytest.raises(ValueError, match=r"metrics\.json is malformed"):
        card.check(folder)


@pytest.mark.parametrize("result", [{}, {"metric": "loss"}, {"metric": "loss", "value": "low"}])
def test_a_result_needs_a_name_and_a_number(result):
    with pytest.raises(ValueError, match="a result needs a name and a number"):
        card.render(CONFIG, [result], TINY)


def test_import_stays_light():
    heavy = "{'torch', 'huggingface_hub.hf_api'}"
    code = f"import sys, zoo.checkpoint.card; sys.exit(bool({heavy} & {{*sys.modules}}))"
    subprocess.run([sys.executable, "-c", code], check=True)
