"""Make poems.tsv.gz, or a file of all poems, from the npm package chinese-poetry.

    npm install chinese-poetry@2.0.1 && pip install opencc==1.4.2
    python zoo/data/samples/make_poems.py --package node_modules/chinese-poetry
    python zoo/data/samples/make_poems.py --package node_modules/chinese-poetry --full FILE.tsv.gz

Kept are regular poems: 4 to 12 lines, all of 5 or all of 7 common characters, marked by ， and 。
alone, by a named poet of one dynasty. No two poems share a couplet. A poet's split is a function
of the poet's name, so the sample and the full file agree, and no poet is in two splits.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import json
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import cast

from opencc import OpenCC  # pyright: ignore[reportMissingImports]

from zoo.data.poems import DYNASTIES, SPLITS, Poem, Split

SEED = 3  # the first that leaves the ten most famous poets in train
SAMPLE: dict[Split, int] = {"train": 4000, "valid": 500, "test": 500}  # of each dynasty
POEMS_A_POET = 20  # in the sample, so that no prolific poet decides a test score

_TEXT = re.compile("(?:[一-鿿]{5}，[一-鿿]{5}。){2,6}|(?:[一-鿿]{7}，[一-鿿]{7}。){2,6}")
_TITLE = re.compile("[一-鿿 （）《》「」，。、：？]+")
_POET = re.compile("(?!不详|无名氏)[一-鿿]{2,4}")
# Forms that one edition prints and the other does not; left in, they would give the dynasty away.
_VARIANTS = """
    疎疏 踈疏 鴈雁 簷檐 隠隐 劒剑 劔剑 猨猿 慙惭 徧遍 髪发 蘂蕊 蕋蕊 橤蕊 嬾懒 櫂棹 鬬斗 鬭斗
    媿愧 鶑莺 鸎莺 頼赖 粧妆 臯皋 皐皋 堦阶 珮佩 浄净 煖暖 僊仙 巵卮 鬰郁 秪只 秖只 鼇鳌 隣邻
    廻回 囘回 妬妒 褭袅 罇樽 牋笺 覩睹 歛敛 桮杯 暎映 賸剩 髙高 檝楫 飜翻 隄堤 呌叫 馿驴 遰递
    鏁锁 鎻锁 逈迥 懃勤 缾瓶 椀碗 盌碗 竝并 倂并 栢柏 燄焰 槃盘 閙闹 毬球 懽欢 麤粗 麄粗 醆盏
    琖盏 荅答 鉏锄 悮误 寛宽 彊强 碁棋 餠饼 趂趁 棃梨 嚬颦 畧略 鵶鸦 讐仇 羇羁 覊羁 壻婿 袴裤
    牕窗 窓窗 窻窗 牓榜 鳯凤 犂犁 穉稚 欵款 蔕蒂 遯遁 徴征 虀齑 磵涧 崄险 拏拿 邉边 帬裙 怱匆
    悤匆 俛俯 邨村 藂丛 櫺棂 峩峨 蜺霓 緜绵 虵蛇 潄漱 蕚萼 筭算 羮羹 姪侄 輭软 幙幕 旛幡 揺摇
    飖摇 朶朵 瞋嗔 敧欹 攲欹 歳岁 汚污 飡餐 衞卫 効效 薫熏 諠喧 澣浣 搆构 頳赪 勅敕 椶棕 睠眷
    槩概 塲场 廐厩 澁涩 氊毡 毎每 蠧蠹 輙辄 碪砧 螘蚁 襃褒 躭耽 瑠琉 瑯琅 憇憩 箒帚 濶阔 柂舵
    濬浚 蜨蝶 胷胸 懐怀 觧解 纒缠 啣衔 衘衔 鞵鞋 蠭蜂 逺远 匳奁 穏稳 戯戏 葅菹 闗关 皷鼓 袠帙
    蹏蹄 呪咒 渇渴 勲勋 艶艳 烱炯 鷰燕 羗羌 恡吝 颿帆 瓌瑰 狥徇 壍堑 寜宁 槖橐 倐倏 漥洼 凖准
    徃往 寃冤 逰游 覔觅 籖签 鐡铁 闚窥 髩鬓 醤酱 嚢囊 騣鬃 鬛鬣 麞獐 刼劫 畊耕 塼砖 巌岩 嵒岩
    嵓岩 曵曳 甆瓷 痩瘦 謌歌 抝拗 樐橹 釡釜 氷冰 篛箬 飚飙 斾旆 顦憔 顇悴 筯箸 轝舆 毘毗 邱丘
    様样 埽扫 筩筒 穽阱
"""
_STANDARD = {ord(variant): standard for variant, standard in _VARIANTS.split()}
_FRAGMENTS = "句"  # the title of verses that are all that is left of their poems


def digest(*parts: str) -> int:
    """A seeded random number below 2^64 that every machine and library version agrees on."""
    key = "\t".join((str(SEED), *parts)).encode()
    return int.from_bytes(hashlib.sha256(key).digest()[:8], "big")


def split_of(poet: str) -> Split:
    """Eight poets in ten train, one validates, one tests."""
    return cast(Split, {0: "valid", 1: "test"}.get(digest(poet) % 10, "train"))


def simplifier() -> Callable[[str], str]:
    """Traditional to simplified characters, and variant forms to the standard ones."""
    convert = OpenCC("t2s").convert
    return lambda text: convert(text).translate(_STANDARD)


def read(package: Path) -> Iterator[Poem]:
    """Every regular poem of the package, simplified."""
    simplify = simplifier()
    for dynasty in DYNASTIES:
        found = sorted((package / "dist" / "quantangshi").glob(f"poet.{dynasty.lower()}.*.json"))
        if not found:
            raise SystemExit(f"{package}: no poems; expected the npm package chinese-poetry 2.0.1")
        for file in found:
            for raw in json.loads(file.read_text(encoding="utf-8")):
                author, title = simplify(raw["author"]), simplify(raw["title"])
                text = simplify("".join(raw["paragraphs"]))
                fits = _POET.fullmatch(author) and _TITLE.fullmatch(title) and _TEXT.fullmatch(text)
                if fits and title != _FRAGMENTS:
                    lines = tuple(re.findall("[^，。]+[，。]", text))
                    yield Poem(split_of(author), dynasty, author, title, lines)


def couplets(poem: Poem) -> list[str]:
    """The poem's pairs of lines."""
    return [first + second for first, second in zip(poem.lines[::2], poem.lines[1::2], strict=True)]


def order(poem: Poem) -> int:
    """The poem's place in a seeded shuffle."""
    return digest(poem.dynasty, poem.author, poem.title, poem.text)


def of_one_dynasty(poems: Iterable[Poem]) -> list[Poem]:
    """Without the poets and the couplets that both collections claim."""
    poems = list(poems)
    claims = defaultdict(set)
    for poem in poems:
        for key in (poem.author, *couplets(poem)):
            claims[key].add(poem.dynasty)
    return [p for p in poems if all(len(claims[key]) == 1 for key in (p.author, *couplets(p)))]


def without_repeats(poems: Iterable[Poem]) -> list[Poem]:
    """In shuffled order, the poems that share no couplet with an earlier one."""
    seen: set[str] = set()
    kept = []
    for poem in sorted(poems, key=order):
        if seen.isdisjoint(couplets(poem)):
            kept.append(poem)
        seen.update(couplets(poem))
    return kept


def sample(poems: Iterable[Poem]) -> list[Poem]:
    """The first poems of every split and dynasty, a limited number by each poet."""
    poets, parts = Counter(), Counter()
    kept = []
    for poem in poems:
        part = poem.split, poem.dynasty
        if poets[poem.author] < POEMS_A_POET and parts[part] < SAMPLE[poem.split]:
            poets[poem.author] += 1
            parts[part] += 1
            kept.append(poem)
    return kept


def write(poems: Iterable[Poem], file: Path) -> None:
    """Write rows sorted by split, poet and title; equal poems give equal bytes."""
    rows = sorted(
        (SPLITS.index(p.split), DYNASTIES.index(p.dynasty), p.author, p.title, p.text)
        for p in poems
    )
    text = "".join(
        "\t".join((SPLITS[split], DYNASTIES[dynasty], *rest)) + "\n"
        for split, dynasty, *rest in rows
    )
    file.write_bytes(gzip.compress(text.encode(), compresslevel=9, mtime=0))


def main(arguments: list[str] | None = None) -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description="Make the sample of poems, or a file of all")
    parser.add_argument("--package", type=Path, required=True, help="folder of chinese-poetry")
    where = parser.add_mutually_exclusive_group()
    where.add_argument("--full", type=Path, help="write every poem to this file")
    where.add_argument("--sample", type=Path, default=Path(__file__).with_name("poems.tsv.gz"))
    options = parser.parse_args(arguments)

    poems = without_repeats(of_one_dynasty(read(options.package)))
    chosen = poems if options.full else sample(poems)
    write(chosen, options.full or options.sample)
    for (split, dynasty), number in sorted(Counter((p.split, p.dynasty) for p in chosen).items()):
        print(f"{split:5}  {dynasty}  {number:7,}")


if __name__ == "__main__":
    main()
