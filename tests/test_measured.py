"""Pages of figures are written by the commands that they name, which exist."""

import importlib.util
import shlex
import subprocess

import measured
import pytest
from conftest import ROOT

PAGE = """# Figures

By hand.

<!-- measured: python -c "print('| 1 |')" -->
old
<!-- end -->
Between.
<!-- measured: python -c "print('| 2 |')" -->
<!-- end -->
After.
"""


@pytest.fixture
def page(tmp_path):
    path = tmp_path / "MEASURED.md"
    path.write_text(PAGE, "utf-8")
    return path


def test_a_block_becomes_what_its_command_prints_and_the_rest_stays(page):
    measured.main([str(page)])
    text = page.read_text("utf-8")
    assert "| 1 |\n\n20" in text, "the date follows"
    assert "| 2 |" in text
    assert "old" not in text
    assert measured.BLOCK.sub(r"\1\3", text) == PAGE.replace("old\n", "")
    measured.main([str(page), "2"])
    assert page.read_text("utf-8") == text, "twice is once"


def test_a_word_chooses_and_a_command_that_fails_changes_nothing(page):
    measured.main([str(page), "| 2"])
    text = page.read_text("utf-8")
    assert "old" in text
    assert "\n| 2 |\n" in text
    page.write_text(PAGE.replace("print('| 1 |')", "exit(3)"), "utf-8")
    with pytest.raises(subprocess.CalledProcessError):
        measured.main([str(page)])
    assert "old" in page.read_text("utf-8")


@pytest.mark.parametrize(
    "path", sorted(ROOT.glob("zoo/*/MEASURED.md")), ids=lambda p: p.parent.name
)
def test_the_commands_of_a_page_exist(path):
    text = path.read_text("utf-8")
    blocks = [shlex.split(block[2]) for block in measured.BLOCK.finditer(text)]
    assert len(blocks) == text.count("<!-- measured:") == text.count("<!-- end -->")
    for first, *rest in blocks:
        if first == "-m":
            assert importlib.util.find_spec(rest[0]), rest[0]
        else:
            assert (ROOT / first).is_file(), first
