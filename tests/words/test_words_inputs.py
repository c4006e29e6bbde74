"""Inputs and outputs that once went wrong: scripts with marks, odd files, odd places."""

import os
import signal
import stat
import subprocess
import sys
import threading
import time
import unicodedata

import numpy as np
import pytest
from brute import sample_text

from zoo import cli
from zoo.words import Lexicon, Segmenter, discover_words
from zoo.words.counting.memory import Storage
from zoo.words.texts.paths import find_paths
from zoo.words.texts.reading import read

THAI = ["ฉันกินข้าวที่บ้าน", "เขากินน้ำที่ร้าน", "กินข้าว"] * 50
SHIRTS = [
    "我有T恤和U盘",
    "他买T恤了",
    "这T恤好看",
    "那U盘坏了",
    "新U盘到了",
    "旧T恤丢了",
] * 20
TEXT = sample_text()
POSIX = pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")


@pytest.fixture(scope="module")
def lexicon():
    return discover_words(TEXT)


def test_a_link_and_a_mode_are_kept(lexicon, tmp_path):
    real, link = tmp_path / "real.tsv", tmp_path / "link.tsv"
    real.write_text("old")
    real.chmod(0o640)
    link.symlink_to(real)
    lexicon.save(link)
    assert link.is_symlink()
    assert stat.S_IMODE(real.stat().st_mode) == 0o640
    assert list(Lexicon.load(real)) == list(lexicon)


@POSIX
def test_a_pipe_is_written_into(lexicon, tmp_path):
    lexicon.save(tmp_path / "file.tsv")
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    for save in (lexicon.save, lexicon.to_jieba):
        writer = threading.Thread(target=save, args=(pipe,))
        writer.start()
        read = pipe.read_text(encoding="utf-8")
        writer.join()
        assert read
        assert stat.S_ISFIFO(pipe.stat().st_mode)
    command = f"{sys.executable} -m zoo words - -o >(wc -l) --jieba /dev/null"
    done = subprocess.run(
        ["bash", "-c", command], input=TEXT.encode(), capture_output=True, check=True
    )
    assert int(done.stdout) == len((tmp_path / "file.tsv").read_text("utf-8").splitlines())


def test_marks_belong_to_their_letters():
    found = discover_words(THAI)
    assert "ข้าว" in found
    assert not any(unicodedata.category(word[0])[0] == "M" for word in found)
    text = "ฉันกินข้าวที่ร้าน"
    assert "ข้าว" in found.segment(text)
    assert "".join(found.segment(text)) == text
    for cut in found.segment("ซื้อเสื้อใหม่"):  # nothing of it is known
        assert unicodedata.category(cut[0])[0] != "M"


@pytest.mark.parametrize("script", ["कमल", "மரம்", "ඩි", "བོད"])
def test_other_scripts_with_marks(script):
    assert not discover_words([script] * 9).background.keys() & {""}
    assert "".join(discover_words([script + "。"] * 9).background).strip()


def test_decomposed_text_gives_the_words_of_composed_text():
    text = ["パンが好き", "パンを買う", "ガラスのパン", "赤いガラス", "ガラスが割れる"] * 9
    composed = discover_words(text)
    decomposed = discover_words([unicodedata.normalize("NFD", line) for line in text], max_length=4)
    assert "ガラス" in composed
    assert any(unicodedata.normalize("NFC", word) == "ガラス" for word in decomposed)
    latin = unicodedata.normalize("NFD", "olé")
    assert not discover_words([f"山水{latin}山水"] * 9, min_count=1).background.keys() & set(latin)


def test_words_with_letters_and_digits_are_used():
    counts = {"T恤": 9, "U盘": 9, "3D": 5, "我": 9, "有": 9, "和": 9}
    assert Segmenter(counts)("我有T恤和U盘") == ["我", "有", "T恤", "和", "U盘"]
    assert Segmenter(counts)("我有3D和Ｔ恤") == ["我", "有", "3D", "和", "Ｔ恤"]
    assert Segmenter(counts)("我有XT恤") == ["我", "有", "XT", "恤"]  # no part of a Latin word
    found = discover_words(SHIRTS, characters="letters")
    assert "T恤" in found
    assert "T恤" in found.segment("红T恤和U盘")


def test_what_is_not_listed_is_known(lexicon):
    wanted = lexicon.segment(TEXT)
    some = list(lexicon)[::2]
    assert lexicon.without(some).segment(TEXT) == wanted
    assert lexicon.top(1).segment(TEXT) == wanted
    assert len(lexicon.top(0)) == 0
    assert discover_words(TEXT, exclude=some).segment(TEXT) == wanted


@pytest.mark.parametrize("text", ["チューリップを買う", "時々会う", "行った日と買った日"])
def test_no_word_begins_with_the_rest_of_a_sound(text):
    found = discover_words([f"{text}。" for text in [text, text + "人", "人" + text] * 9])
    assert not any(word[0] in "ー々ゃゅょっャュョッァィゥェォ" for word in found)


def test_lines_that_come_again_count_once(tmp_path):
    lines = [f"第{chr(0x4E00 + n)}页天气{chr(0x5000 + n)}" for n in range(60)]
    footer = "版权所有翻印必究"
    path = tmp_path / "a.txt"
    path.write_text("\n".join(line + f"\n {footer}\n" for line in lines), encoding="utf-8")
    assert discover_words(path).count.max() == 60
    assert footer[:4] in discover_words(path)
    assert footer[:4] not in discover_words(path, dedup=True)
    with read("甲\n乙\n甲\n\n\n丙", dedup=True) as blocks:
        assert "".join(blocks).split() == ["甲", "乙", "丙"]


def test_a_link_to_a_folder_above_counts_no_file_twice(tmp_path):
    folder = tmp_path / "d"
    (folder / "e").mkdir(parents=True)
    for name in ("a.txt", "e/b.txt"):
        (folder / name).write_text("x")
    (folder / "self").symlink_to(folder)
    wanted = [folder / "a.txt", folder / "e/b.txt"]
    assert find_paths(str(folder / "**/*.txt")) == wanted
    assert find_paths(folder) == wanted


@pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="needs SIGHUP")
def test_a_hang_up_leaves_no_temporary_files(tmp_path):
    command = [sys.executable, "-m", "zoo", "words", "-", "-o", str(tmp_path / "out.tsv")]
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    process = subprocess.Popen(command, stdin=subprocess.PIPE, env=environment)
    process.stdin.write(TEXT.encode())
    process.stdin.flush()
    time.sleep(0.1)
    deadline = time.monotonic() + 60
    while process.poll() is None and time.monotonic() < deadline:
        process.send_signal(signal.SIGHUP)
        time.sleep(1)
    assert process.returncode in (128 + signal.SIGHUP, -signal.SIGHUP)
    assert not list(tmp_path.glob("zoo-words-*"))


KILLED = """
import os, signal, sys
import numpy as np
from zoo.words.counting.memory import Storage
storage = Storage(0, sys.argv[1])
storage.spill(np.zeros(9))
os.kill(os.getpid(), signal.SIGKILL)
"""


@POSIX
def test_the_next_run_removes_what_a_killed_one_left(tmp_path):
    subprocess.run([sys.executable, "-c", KILLED, str(tmp_path)], check=False)
    (left,) = tmp_path.glob("zoo-words-*")
    with Storage(0, tmp_path) as one, Storage(0, tmp_path) as other:
        stored = one.spill(np.arange(5))
        other.spill(np.arange(5))
        assert not left.exists()
        assert len(list(tmp_path.glob("zoo-words-*"))) == 2
        assert stored.read(0, 5).tolist() == [0, 1, 2, 3, 4]
    assert not list(tmp_path.iterdir())


def run(*arguments, **options):
    command = [sys.executable, "-m", "zoo", "words", *arguments]
    return subprocess.run(command, capture_output=True, **options)


def test_a_closed_standard_input_and_a_poor_locale(tmp_path):
    closed = subprocess.run(
        ["bash", "-c", f"{sys.executable} -m zoo words - <&-"], capture_output=True, text=True
    )
    assert closed.returncode == 2
    assert "standard input is closed" in closed.stderr
    assert closed.stderr.count("\n") == 1
    path = tmp_path / "a.txt"
    path.write_text(TEXT, encoding="utf-8")
    poor = {**os.environ, "LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}
    done = run(str(path), env=poor)
    assert done.returncode == 0, done.stderr
    assert "天气" in done.stdout.decode("utf-8")


def test_a_number_of_words_below_0(capsys):
    with pytest.raises(SystemExit):
        cli.main(["words", "--top", "-1", "nothing.txt"])
    assert "top is -1: expected 0 or more" in capsys.readouterr().err


@pytest.mark.parametrize("option", ["-o", "--jieba"])
def test_an_output_without_a_folder_is_refused_before_the_corpus_is_read(option, tmp_path, capsys):
    with pytest.raises(SystemExit):
        cli.main(["words", "nothing.txt", option, str(tmp_path / "no" / "a.tsv")])
    assert "a.tsv: no such folder; make it first" in capsys.readouterr().err


def test_a_picture_among_the_texts(tmp_path, caplog):
    (tmp_path / "a.txt").write_text(TEXT, encoding="utf-8")
    (tmp_path / "b.png").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 9)
    with pytest.raises(ValueError, match=r"b\.png: byte 0 is not utf-8"):
        discover_words(tmp_path)
    assert list(discover_words(tmp_path, skip_bad=True)) == list(discover_words(TEXT))
    assert "b.png: byte 0 is not utf-8" in caplog.text
    assert "skipped 1 of 2 files" in caplog.text
    (tmp_path / "a.txt").unlink()
    with pytest.raises(ValueError, match="none of 1 files can be read"):
        discover_words(tmp_path, skip_bad=True)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-32", "utf-8-sig"])
def test_a_byte_order_mark_tells_the_encoding(encoding, tmp_path, lexicon):
    path = tmp_path / "a.txt"
    path.write_text(TEXT, encoding=encoding)
    assert list(discover_words(path)) == list(lexicon)
