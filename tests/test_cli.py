"""The `zoo` command: what it prints, and what it says of bad input."""

import io
import json
import shutil
from argparse import ArgumentError

import pytest
import readme_table
import torch
import yaml
from conftest import ROOT, twin

from zoo import cli, registry
from zoo.checkpoint.integrity import write_sums
from zoo.cli import apply
from zoo.cli.options import OptionParser
from zoo.training import report

NAME = "adversarial_fgm_poems"


def refused(arguments, capsys):
    """Run a command that must fail; return its one line of complaint."""
    with pytest.raises(SystemExit) as stop:
        cli.main(arguments)
    assert stop.value.code == 2
    (line,) = [part for part in capsys.readouterr().err.splitlines() if part.startswith("zoo: ")]
    return line


def recipe(tmp_path, **changes):
    """Write a recipe that differs from the bundled one; return its options."""
    content = yaml.safe_load(registry.describe(NAME).recipe_path.read_text("utf-8"))
    for key, value in changes.items():
        *parents, last = key.split("__")
        place = content
        for parent in parents:
            place = place[parent]
        place[last] = value
    path = tmp_path / "recipe.yaml"
    path.write_text(yaml.safe_dump(content), "utf-8")
    return [str(path), *twin(NAME), "--trainer.default_root_dir", str(tmp_path / "runs")]


def test_list_names_every_model(capsys):
    cli.main(["list"])
    _, *lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == registry.list_models()


@pytest.mark.parametrize("readme", readme_table.READMES)
def test_the_readme_has_the_table_of_list(readme, capsys):
    cli.main(["list", "--markdown"])
    table = capsys.readouterr().out
    assert f"\n\n{table}\n" in (ROOT / readme).read_text("utf-8"), "python tools/readme_table.py"


@pytest.mark.parametrize("name", registry.list_models())
def test_show_tells_paper_post_and_recipe(name, capsys):
    cli.main(["show", name])
    shown = capsys.readouterr().out
    entry = registry.describe(name)
    facts = (entry.paper, entry.post, str(entry.recipe_path), entry.licence, entry.derived)
    assert all(fact in shown for fact in (*facts, *(d.terms for d in entry.data)))


def test_show_tells_what_a_folder_says_of_itself(tmp_path, capsys):
    folder = shutil.copytree(
        registry.describe("adversarial_fgm_poems").checkpoint, tmp_path / "own"
    )
    config = json.loads((folder / "config.json").read_text("utf-8"))
    config |= {"data": "news.csv", "labels": ["sport", "food"], "from": "adversarial_fgm_poems"}
    (folder / "config.json").write_text(json.dumps(config), "utf-8")
    write_sums(folder)
    cli.main(["show", str(folder)])
    shown = capsys.readouterr().out
    assert "Fine-tuned from adversarial_fgm_poems" in shown
    assert "data     news.csv\nlabels   sport, food\n" in shown
    assert "test_accuracy" in shown
    assert "Tang or Song?" not in shown


def test_what_is_written_does_not_act_on_the_terminal():
    assert apply.printable("山\x1b]0;owned\x07\t\u3000水\n") == "山\ufffd]0;owned\ufffd\t\u3000水\n"


def test_what_a_run_prints_is_no_markup(capsys):
    report.tell("recorded in [/c] :cat:/")
    report.show({"[/a] :cat:": {"[b]": 1.0}})
    printed = capsys.readouterr().out
    for text in ("[/c] :cat:/", "[/a] :cat:", "[b]"):
        assert text in printed


def test_predict_reads_arguments_and_standard_input_alike(monkeypatch, capsys):
    poems = ["床前明月光，疑是地上霜。", "横看成岭侧成峰，远近高低各不同。"]
    cli.main(["predict", NAME, *poems])
    by_argument = capsys.readouterr().out
    monkeypatch.setattr("sys.stdin", io.StringIO("\n".join(poems) + "\n"))
    cli.main(["predict", NAME])
    assert capsys.readouterr().out == by_argument
    rows = [line.split("\t") for line in by_argument.splitlines()]
    assert [row[2] for row in rows] == poems
    assert all(row[0] in {"Tang", "Song"} and 0.5 <= float(row[1]) <= 1 for row in rows)


def test_options_are_spelled_with_either_sign(capsys):
    words = ["decoding_lstm_poems", "床前明月光"]
    cli.main(["generate", *words, "--max-new-tokens", "4"])
    written = capsys.readouterr().out
    cli.main(["generate", *words, "--max_new_tokens=4"])
    assert capsys.readouterr().out == written
    assert len(written.strip()) <= 4


@pytest.mark.parametrize("name", [*cli.COMMANDS, *cli.PROGRAMS])
def test_every_command_says_what_it_does(name, capsys):
    cli.main(["--help"])
    assert cli.summary(name) in capsys.readouterr().out
    if name in cli.COMMANDS:
        with pytest.raises(SystemExit, match="0"):
            cli.main([name, "--help"])
        shown = capsys.readouterr().out
        assert " ".join(cli.summary(name).split()) in " ".join(shown.split())
        assert "_" not in "".join(w for w in shown.split() if w.startswith("--"))


@pytest.mark.parametrize(
    "arguments",
    [
        ["床前", "--beam", "4", "举头", "-x"],
        ["--beam=4", "床前", "举头"],
        ["床前", "举头", "--stream", "--beam", "4"],
        ["--stream", "床前", "举头", "--beam", "4"],
        ["--beam", "4", "--", "床前", "举头"],
        ["--beam", "4", "床前", "--", "举头"],
    ],
)
def test_options_stand_anywhere_among_the_words(arguments):
    def write(model: str, texts: list[str], *, beam: int = 1, stream: bool = False) -> None:
        """Write.

        Args:
            model: who writes.
            texts: what to go on with.
            beam: how wide.
            stream: whether as it comes.
        """

    parser = OptionParser()
    parser.add_function(write)
    if "-x" in arguments:
        with pytest.raises(ArgumentError, match="-x"):
            parser.parse(["model", *arguments])
        return
    found = parser.parse(["model", *arguments])
    stream = "--stream" in arguments
    assert found == {"model": "model", "texts": ["床前", "举头"], "beam": 4, "stream": stream}


def test_what_follows_two_hyphens_is_a_word_as_it_is():
    def write(texts: list[str], *, most_words: int = 1) -> None:
        """Write.

        Args:
            texts: what to go on with.
            most_words: how many.
        """

    parser = OptionParser()
    parser.add_function(write)
    found = parser.parse(["--most_words", "4", "--", "--snake_case"])
    assert found == {"texts": ["--snake_case"], "most_words": 4}


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["lst"], "no command 'lst': did you mean list?"),
        (["list", "--technique", "adversrial"], "'adversrial': expected one of adversarial, "),
        (["show"], "required: model"),
        (["show", "adversarial_fgm_poem"], "did you mean adversarial_fgm_poems"),
        (["predict", "adversarial_fgm_poem", "x"], "did you mean adversarial_fgm_poems"),
        (["predict", "~no_one/x", "x"], "~no_one/x is no folder"),
        (["predict", "weights.ckpt", "x"], "pickle"),
        (["predict", "pytorch_model.bin", "x"], "pickle"),
        (["fit", "adversarial_fgm_poem"], "did you mean adversarial_fgm_poems"),
        (["fit", "no.yaml"], "no recipe no.yaml"),
        (["fit", NAME, "--model.lrr", "1"], "Option 'lrr' is not accepted"),
        (["fit", NAME, "--ckpt_path", "last"], "leave out --ckpt_path to start afresh"),
        (["fit", NAME, "--ckpt_path", "lost.ckpt"], "no checkpoint lost.ckpt"),
        (["fit", NAME, "--from", "nowhere"], "no model 'nowhere'"),
        (["fit", NAME, "--from", "masks_title_csl"], "which holds masks_title_csl, another"),
        (["fit", "gan_r1_fashion", "--from", NAME], f"gan_r1_fashion cannot start from {NAME}"),
        (["fit", "adversarial_pgd_fashion", "--from", NAME], "zoo list --technique adversarial"),
        (["test", "adversarial_fgm_poem"], "did you mean adversarial_fgm_poems"),
        (["predict", "pictures_digits", "no.png"], "zoo: no.png: no such file or directory"),
        (["predict", "pictures_digits", "."], "zoo: .: is a directory"),
        (["generate", "decoding_lstm_poems", "--bean", "4", "x"], "--bean"),
    ],
)
def test_bad_words_are_one_line_and_exit_code_2(arguments, complaint, capsys, tmp_path):
    if arguments[0] == "fit":
        arguments = [*arguments, "--trainer.default_root_dir", str(tmp_path)]
    assert complaint in refused(arguments, capsys)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"model__init_args__lrr": 3}, "Option 'lrr' is not accepted"),
        ({"model__init_args__lr": "fast"}, 'Parser key "lr"'),
        ({"nmae": "x"}, "does not accept option 'nmae'"),
        ({"data__class_path": "zoo.adversarial.data.Poemz"}, "no attribute 'Poemz'"),
        ({"name": "adversarial_fgm_poem"}, "did you mean adversarial_fgm_poems"),
        ({"model__init_args__heads": 3}, "multiple of twice the heads"),
    ],
)
def test_a_wrong_recipe_is_one_line_and_exit_code_2(changes, complaint, capsys, tmp_path):
    arguments = ["fit", *recipe(tmp_path, **changes)]
    if "model__init_args__heads" in changes:
        arguments += ["--model.heads", "3"]
    line = refused(arguments, capsys)
    assert complaint in line
    assert "Namespace" not in line
    assert not (tmp_path / "runs").exists()


def test_a_recipe_that_is_no_yaml(capsys, tmp_path):
    path = tmp_path / "bad.yaml"
    path.write_text("a: [b", "utf-8")
    assert "Problems parsing config" in refused(["fit", str(path)], capsys)


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (None, "datasets/sentiment.zip"),
        (b"", "is empty"),
        (b"\xff\xfe\tx", "is not UTF-8 (byte 0)"),
        ("好\t1\n没有标签\n".encode(), "line 2: expected text, a TAB and a label"),
        ("好\t1\n坏\t7\n".encode(), "line 2: label '7' is not one of ['0', '1']"),
    ],
)
def test_bad_data_is_one_line_and_exit_code_2(content, complaint, capsys, tmp_path):
    if content is not None:
        (tmp_path / "sentiment.train.data").write_bytes(content)
    line = refused(["fit", "adversarial_fgm_sentiment", "--data.root", str(tmp_path)], capsys)
    assert complaint in line


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ("--trainer.devices 0", "(devices='0')` value is not a valid input"),
        ("--trainer.limit_train_batches 0.0001", "Please increase the `limit_train_batches`"),
        pytest.param(
            "--trainer.accelerator gpu",
            "No supported gpu backend found! (--trainer.accelerator auto",
            marks=pytest.mark.skipif(torch.accelerator.is_available(), reason="there is a GPU"),
        ),
    ],
)
def test_what_lightning_refuses_is_one_line(options, complaint, capsys, tmp_path):
    assert complaint in refused(["fit", *recipe(tmp_path), *options.split()], capsys)


def test_an_output_that_is_no_checkpoint_is_left_alone(capsys, tmp_path):
    (tmp_path / "thesis.txt").write_text("years of work")
    line = refused(["fit", *recipe(tmp_path / "..", name=NAME), "--output", str(tmp_path)], capsys)
    assert "thesis.txt" in line
    assert (tmp_path / "thesis.txt").read_text() == "years of work"


def test_a_checkpoint_cut_short_is_named(capsys, tmp_path):
    whole, cut = tmp_path / "last.ckpt", tmp_path / "cut.ckpt"
    torch.save({"state_dict": {"weight": torch.zeros(1000)}}, whole)
    cut.write_bytes(whole.read_bytes()[:2000])
    line = refused(["fit", *recipe(tmp_path), "--ckpt_path", str(cut)], capsys)
    assert f"{cut} is cut short" in line


def test_debug_shows_the_traceback():
    with pytest.raises(ValueError, match="no model"):
        cli.main(["show", "nothing", "--debug"])


def test_the_recipes_are_where_an_installed_package_looks():
    assert f'recipes = "{registry.PACKAGE.name}/recipes"' in (ROOT / "pyproject.toml").read_text()
