"""The house as CONTRIBUTING.md draws it, read from its sources; and what importing may not do."""

import ast
import json
import re
import subprocess
import sys
from collections import Counter
from functools import cache
from pathlib import Path

import pytest
from conftest import ROOT

from zoo import registry

ZOO = ROOT / "zoo"
LOOSE = {"__init__", "__main__", "version", "registry", "models", "errors", "files", "progress"}
LOOSE |= {"lazy"}
MACHINERY = {"checkpoint", "hub", "training", "optim", "layers", "callbacks", "kernels", "data"}
MACHINERY |= {"metrics", "cli", "checkpoints", "recipes"}
TECHNIQUES = {p.name for p in ZOO.iterdir() if (p / "__init__.py").is_file()} - MACHINERY
ADVERSARIAL_CALLBACKS = {
    "attack",
    "consistency",
    "gradient_penalty",
    "loop",
    "methods",
    "rehearsal",
    "transformers_trainer",
}
MAY_USE = {
    ("adversarial", "masks"),
    ("linking", "masks"),
    ("masks", "decoding"),
    ("linking", "decoding"),
}
# published checkpoints name these, so they stay
ADDRESSES = [
    "zoo.adversarial:FGM",
    "zoo.adversarial:PGD",
    "zoo.adversarial.module:Classifier",
    "zoo.adversarial.data:Poems",
    "zoo.adversarial.data:Sentiment",
    "zoo.linking.module:TransformerLinking",
    "zoo.linking.module:JointLinking",
    "zoo.linking.corpora:Poets",
    "zoo.linking.corpora:Polyphones",
    "zoo.linking.corpora:WordNet",
    "zoo.linking.inputs:InputMaker",
    "zoo.linking.knowledge:KnowledgeBase",
    "zoo.linking.knowledge.base:KnowledgeBase",
    "zoo.linking.behaviour:Behaviour",
    "zoo.linking.calibration:Calibration",
    "zoo.decoding.module:RecurrentModel",
    "zoo.decoding.data:Poems",
    "zoo.masks.module:MaskedModel",
    "zoo.masks.data:Poems",
    "zoo.masks.data:Titles",
    "zoo.masks.data:Lines",
    "zoo.masks.classification.module:ClassificationModel",
    "zoo.masks.classification.data:Reviews",
    "zoo.nvae.module:NVAETraining",
    "zoo.nvae.data:ModelledPictures",
    "zoo.pictures.module:PictureTraining",
    "zoo.pictures.data:LabelledPictures",
    "zoo.gan.module:GanTraining",
    "zoo.callbacks.ema:EMA",
    "zoo.callbacks.sample_grid:SampleGrid",
    "zoo.data.images.batches:Pictures",
    "zoo.data.images.preprocess:PicturePreprocess",
    "zoo.data.text:CharacterTokenizer",
    "zoo.decoding.tokenizer:Tokenizer",
    "zoo.masks.tokenizer:Tokenizer",
]


@cache
def sources():
    """Return the syntax tree of each module of the zoo, by its dotted name."""
    found = {}
    for path in sorted(ZOO.rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        if "recipes" not in parts and "checkpoints" not in parts[:2]:
            found[".".join(parts).removesuffix(".__init__")] = ast.parse(path.read_text("utf-8"))
    return found


def imports(tree):
    """Give what a module imports, anywhere in it, as (module, name) with an empty name for all."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            yield from ((node.module or "", alias.name) for alias in node.names)
        elif isinstance(node, ast.Import):
            yield from ((alias.name, "") for alias in node.names)


@cache
def arrows():
    """Return which modules of the zoo each module imports; imports within functions count."""
    known = sources()
    found = {}
    for module, tree in known.items():
        targets = set()
        for package, name in imports(tree):
            whole = f"{package}.{name}"
            targets |= {whole if whole in known else package} & known.keys()
        found[module] = targets - {module}
    return found


def is_face(module):
    return (ROOT / Path(*module.split("."))).is_dir()


# what is neither network nor loss in a technique; those of 4 read checkpoints of others
OF_A_TECHNIQUE = {
    **{"corpora": 2, "data": 2, "metrics": 2, "module": 3, "sweep": 4, "cli": 6},
    **{"backbone": 4, "bert": 4, "diagnose": 4},
}


def floor(module):
    """Return how high a module stands; a face stands nowhere, since it only names.

    0: kernels and what stands alone; 1: layers, networks, losses, and what of `optim` needs torch
    alone; 2: data, metrics, callbacks; 3: modules; 4: registry, checkpoint, hub; 5: training;
    6: commands.
    """
    _, *rest = module.split(".")
    if is_face(module) and module not in {"zoo.kernels", "zoo.cli"}:
        return None
    if "kernels" in rest or (rest[0] in LOOSE - {"models", "registry", "__main__"}):
        return 0
    if rest[0] in TECHNIQUES:
        if rest[0] == "adversarial" and rest[1] in ADVERSARIAL_CALLBACKS:
            return 2
        return OF_A_TECHNIQUE.get(rest[-1], 1)
    if module in ("zoo.optim.manual_optimization", "zoo.optim.precision"):
        return 2
    if module in ("zoo.data.text", "zoo.data.images.augment"):  # pure functions
        return 1
    heights = {"layers": 1, "optim": 1, "data": 2, "metrics": 2, "callbacks": 2, "training": 5}
    return heights.get(rest[0], 6 if rest[0] in ("cli", "__main__") else 4)


def test_nothing_imports_upward():
    assert not {
        (module, target)
        for module, targets in arrows().items()
        for target in targets
        if None not in (floor(module), floor(target)) and floor(target) > floor(module)
    }


def test_no_module_imports_what_imports_it():
    reached = {}

    def reach(module):
        if module not in reached:
            reached[module] = set()
            todo = list(arrows()[module])
            while todo:
                target = todo.pop()
                if target not in reached[module]:
                    reached[module].add(target)
                    todo += arrows()[target]
        return reached[module]

    assert not {module for module in arrows() if module in reach(module)}


def test_techniques_do_not_know_each_other():
    found = set()
    for module, targets in arrows().items():
        mine = module.split(".")[1:2]
        for target in targets:
            theirs = target.split(".")[1:2]
            pair = (*mine, *theirs)
            if len(pair) == 2 and {*pair} <= TECHNIQUES and mine != theirs and pair not in MAY_USE:
                found.add((module, target))
    assert not found


def test_the_engine_of_decoding_knows_no_technique_by_name():
    found = set()
    for module, tree in sources().items():
        if not module.startswith("zoo.decoding.engine"):
            continue
        lower = ("zoo.decoding.engine", "zoo.errors", "zoo.progress")
        found |= {(module, t) for t in arrows()[module] if not t.startswith(lower)}
        names = {n.id for n in ast.walk(tree) if isinstance(n, ast.Name)}
        found |= {(module, name) for name in names & classes_of("zoo.decoding.heads")}
    assert not found


def classes_of(module):
    return {n.name for n in sources()[module].body if isinstance(n, ast.ClassDef)}


def test_numba_stays_below_a_kernels_folder():
    found = set()
    for module, tree in sources().items():
        parts = module.split(".")
        if "kernels" not in parts and not module.startswith("zoo.decoding.cpu"):
            names = {package.split(".")[0] for package, _ in imports(tree)}
            makers = {n for package, n in imports(tree) if package == "zoo.kernels"}
            found |= {module} if "numba" in names or makers & {"kernel", "inline"} else set()
    assert not found


def test_a_class_name_is_used_once():
    places = [(name, module) for module in sources() for name in classes_of(module)]
    # published addresses may say the same name in several modules, and no other module may
    free = {name for name, module in places if f"{module}:{name}" not in ADDRESSES}
    count = Counter(name for name, _ in places)
    assert not {name for name in free if count[name] > 1}


def test_the_hub_is_reached_from_one_package():
    assert not {
        module
        for module, tree in sources().items()
        if any(package.split(".")[0] == "huggingface_hub" for package, _ in imports(tree))
        and not module.startswith("zoo.hub.")
        and module != "zoo.checkpoint.card"
    }


def test_networks_and_losses_know_no_lightning():
    assert not {
        module
        for module, tree in sources().items()
        if floor(module) in (0, 1)
        and any(package.split(".")[0] == "lightning" for package, _ in imports(tree))
    }


def test_the_top_of_the_house_is_small():
    assert {path.stem for path in ZOO.glob("*.py")} <= LOOSE
    places = Counter(path.relative_to(ZOO).parts[0] for path in ZOO.glob("*/[!_]*"))
    assert not {name for name in TECHNIQUES if places[name] > 20}
    names = {path.stem for path in ZOO.rglob("*.py")}
    assert not names & {"utils", "helpers", "common", "misc", "tools"}


@pytest.mark.parametrize("address", ADDRESSES)
def test_what_published_checkpoints_name_is_there(address):
    assert isinstance(registry.import_object(address), type)


def test_what_bundled_checkpoints_name_is_listed():
    files = [p for p in ZOO.glob("checkpoints/*/*") if p.suffix in (".yaml", ".json")]
    texts = [path.read_text("utf-8") for path in files]
    named = {name for text in texts for name in re.findall(r"\bzoo(?:\.\w+)+[:.][A-Z]\w*", text)}
    assert {re.sub(r"\.(?=[A-Z])", ":", name) for name in named} <= {*ADDRESSES}


WATCH = """
import json, sys
done = []
STARTS = {"subprocess.Popen", "os.system", "os.exec", "os.fork", "os.posix_spawn", "os.spawn"}
CHANGES = {"os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.link", "os.symlink"}
def watch(event, arguments):
    if event in STARTS | CHANGES or event.startswith("socket.connect"):
        done.append([event, str(arguments)])
    if event == "open" and isinstance(arguments[0], str):
        path, mode, flags = arguments
        if set(mode or "") & set("wax+") or (mode is None and flags & 3):
            if not path.startswith("/dev/"):
                done.append([event, path])
sys.addaudithook(watch)
sys.dont_write_bytecode = True
import importlib
for name in json.loads(sys.argv[1]):
    importlib.import_module(name)
print(json.dumps(done), file=sys.stderr)
"""


@pytest.mark.parametrize("package", sorted(m for m in sources() if m.count(".") <= 1))
def test_importing_starts_no_process_and_writes_no_file(package, tmp_path):
    if package.endswith("__main__"):
        pytest.skip("it is the command itself")
    done = subprocess.run(
        [sys.executable, "-c", WATCH, json.dumps([package])],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
    )
    assert not json.loads(done.stderr.splitlines()[-1])
