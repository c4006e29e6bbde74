"""What the README says runs, in both languages: its snippets, links, commands and figures."""

import gzip
import json
import math
import re
from importlib import import_module
from pathlib import Path

import pytest
import torch
import yaml
from conftest import ROOT
from PIL import Image

import zoo
from zoo import cli, masks, registry
from zoo.adversarial import FGM
from zoo.data.poems import load_poems
from zoo.decoding import generate

README, CHINESE = (
    (ROOT / name).read_text(encoding="utf-8") for name in ("README.md", "README.zh.md")
)
PAGES = pytest.mark.parametrize("page", [README, CHINESE], ids=["English", "Chinese"])
ELSEWHERE = ("OWNER/", 'org/repo",')  # repositories that only an example has


def blocks(page, language):
    """Return the blocks of code of one language."""
    return re.findall(rf"```{language}\n(.*?)```", page, re.DOTALL)


def rows(page):
    """Return the cells of each row of a table, by the code or link in its first cell."""
    lines = [line for line in page.splitlines() if line.startswith("| ") or line.startswith("| [")]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    first = {re.sub(r"[、,]\s*", ", ", row[0]): row for row in cells}
    return {name: row for name, row in first.items() if name[:1] in "`["}


def numbers(text):
    return sorted(re.findall(r"\d[\d,.]*\d|\d", text))


def models(page):
    """Return the rows of the table of bundled models, the first of the two."""
    first, _, _ = page.partition("| model | parameters |")
    return {
        name.strip("`"): row
        for name, row in rows(first).items()
        if name.strip("`") in registry.list_models()
    }


@PAGES
def test_snippets_run_as_printed(page):
    ran = 0
    for code in blocks(page, "python"):
        if not any(place in code for place in ELSEWHERE):
            names = {}
            exec(code, names)
            assert (
                names["model"].predict(["这家酒店的房间很干净，服务也热情。"])[0].label
                == "positive"
            )
            ran += 1
    assert ran


def own_data():
    (block,) = [b for b in blocks(README, "bash") if "--data.file" in b]
    return block.splitlines()


@pytest.fixture
def own_files(tmp_path, monkeypatch):
    """Files of one's own, by the names that the commands have for them."""
    monkeypatch.chdir(tmp_path)
    texts = [f"{word}{i}" for i in range(12) for word in ("球赛", "米饭")]
    rows = [f"{text},{text[:2]}" for text in texts]
    Path("reviews.csv").write_text("\n".join(["text,label", *rows]), "utf-8")
    pairs = [f"本文研究{text}的方法。\t{text}研究" for text in texts]
    Path("pairs.tsv").write_text("\n".join(["source\ttarget", *pairs]), "utf-8")
    Path("lines.txt").write_text("\n".join(texts), "utf-8")
    for kind in ("cat", "dog"):
        Path("folder", kind).mkdir(parents=True)
        for i in range(12):
            Image.new("L", (28, 28), i).save(Path("folder", kind, f"{i}.png"))


@pytest.mark.slow
@pytest.mark.parametrize("command", own_data())
def test_a_file_of_ones_own_is_one_command_away(command, own_files):
    zoo_, *words = command.split()
    assert zoo_ == "zoo"
    cli.run([*words, "--trainer.fast_dev_run", "1", "--trainer.accelerator", "cpu"])


@pytest.fixture
def beside(tmp_path, monkeypatch):
    """What the one-liners of the table of techniques take for granted."""
    monkeypatch.chdir(tmp_path)
    with gzip.open("corpus.txt.gz", "wt", encoding="utf-8") as file:
        file.writelines(poem.text + "\n" for poem in load_poems(split="train"))
    torch.manual_seed(0)
    net = import_module("nvae_nets").tiny().eval()
    x = torch.rand(2, 1, 8, 8)
    bert = masks.Transformer(vocabulary=9, width=8, depth=1, heads=2).eval()
    return {
        "zoo": zoo,
        "masks": masks,
        "FGM": FGM,
        "Trainer": lambda **options: import_module("lightning").Trainer(logger=False, **options),
        "bert": bert,
        "ids": torch.tensor([[1, 2, 3]]),
        "generate": generate,
        "graph": [(0, 1), (1, 2), (2, 0), (3, 4), (4, 5), (5, 3), (2, 3)],
        "x": x,
        "known": x < 0.5,
        "nvae": net,
        "gpt": zoo.load("decoding_lstm_poems"),
    }


def one_liner(technique):
    (row,) = [row for name, row in rows(README).items() if name.startswith(f"[{technique}](")]
    return row[2].strip("`")


@pytest.mark.slow
def test_one_liners_of_the_techniques_run(beside):
    def run(technique, **names):
        return eval(one_liner(technique), beside | names)

    assert isinstance(run("adversarial").callbacks[0], FGM)
    assert run("masks").shape == (1, 3, 9)
    model = beside["gpt"]
    assert len(run("decoding", model=model, prompts=[model.preprocess.prompt("床")]).sequences) == 1
    assert run("gan").startswith("converges")
    (mention,) = run("linking", linker=zoo.load("linking_poets"))
    assert mention.entity == "宋蘇舜欽"
    completed = run("nvae", model=beside["nvae"])
    assert torch.equal(completed[beside["known"]], beside["x"][beside["known"]])
    assert len(set(run("infomap"))) == 2
    assert "明月" in run("words")


def test_every_technique_has_a_row_and_a_page():
    linked = re.findall(r"\]\(zoo/(\w+)/README.md\)", README)
    techniques = {registry.describe(name).technique for name in registry.list_models()}
    assert {*linked} == techniques | {"infomap", "words"}


@PAGES
def test_links_lead_to_files(page):
    links = [link for link in re.findall(r"\]\(([^)]+)\)", page) if "://" not in link]
    assert links
    assert all((ROOT / link).is_file() for link in links)


@PAGES
def test_commands_exist(page):
    named = set(re.findall(r"`zoo ([a-z-]+)", page))
    assert named
    assert named <= {*cli.COMMANDS, *cli.PROGRAMS}


def test_the_table_lists_the_bundled_models_with_figures_of_their_cards():
    table = models(README)
    assert {*table} == {
        name for name in registry.list_models() if registry.describe(name).checkpoint.is_dir()
    }
    measured_elsewhere = {"masks_small_zh", "masks_poems_lm"}  # by zoo/masks/MEASURED.md
    for name in table.keys() - measured_elsewhere:
        results = json.loads((registry.describe(name).checkpoint / "metrics.json").read_text())
        values = [result["value"] for result in results["results"]]
        printed = [number.replace(",", "") for number in numbers(table[name][-1])]

        def says(number, values=values):
            digits = len(number.partition(".")[2])
            return digits and any(math.isclose(float(number), round(v, digits)) for v in values)

        assert any(map(says, printed)), f"{name}: {printed} are not in {values}"


def test_the_chinese_page_says_what_the_english_page_says():
    code = [
        [re.sub(r"\s*#.*", "", block) for block in blocks(page, r"\w+")]
        for page in (README, CHINESE)
    ]
    assert code[0] == code[1]
    assert rows(README).keys() == rows(CHINESE).keys()
    assert re.findall(r"^#+ ", README, re.MULTILINE) == re.findall(r"^#+ ", CHINESE, re.MULTILINE)
    ours, theirs = (
        {*re.findall(r"\]\(([^)]+)\)", page)} - {"README.md", "README.zh.md"}
        for page in (README, CHINESE)
    )
    assert ours == theirs
    for name, row in models(README).items():
        assert numbers(" ".join(row[1:])) == numbers(" ".join(models(CHINESE)[name][1:])), name


def test_the_citation_is_of_this_version():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text("utf-8"))
    assert citation["version"] == zoo.__version__
    assert {"cff-version", "message", "title", "authors"} <= citation.keys()
    assert f'license = "{citation["license"]}"' in (ROOT / "pyproject.toml").read_text("utf-8")
