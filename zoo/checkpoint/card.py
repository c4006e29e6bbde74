"""The model card of a checkpoint: written from its metrics, and checked against them."""

import json
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import huggingface_hub
import yaml

from zoo import registry
from zoo.checkpoint.integrity import read_whole
from zoo.errors import one_line
from zoo.registry import Entry

NOTICE = Path(__file__).parent.parent / "checkpoints" / "LICENSE.multilingual-e5"
SAMPLES = Path(__file__).parent.parent / "data" / "samples"

FEATURES = "Distances are on the features of {}; their floors, of real training pictures."

_CARD = """\
---
{front_matter}
---

# {title}

{summary}

Paper: {paper}.
{post}{pictures}
## Load it

```python
import zoo  # pip install kexue-zoo

model = zoo.load("path/to/this/folder")  # or its Hub repository, as "owner/name"
```

With torch.hub, from a checkout of kexue-zoo or its GitHub repository:
`torch.hub.load(repository, "{name}", trust_repo=True)` gives the checkpoint that comes with
kexue-zoo. On the command line, `zoo pull owner/name` fetches and verifies a folder like this one.
Nothing here is a pickle; `sha256sum --check SHA256SUMS` verifies every file.

## How it was trained

`recipe.yaml` is the recipe with every default written out, `train_log.csv` the log of the run.
`zoo fit recipe.yaml` trains it again; `zoo fit {name} --from path/to/this/folder` fine-tunes it.
{data}
## Metrics

{metrics}
{notes}
## Licence

{licence}
"""


def render(
    config: dict[str, Any],
    metrics: list[dict[str, Any]],
    entry: Entry,
    notes: str | None = None,
    pictures: Iterable[str] = (),
) -> str:
    """Write the model card.

    Args:
        config: the checkpoint's `config.json`.
        metrics: the results of its `metrics.json`.
        entry: the model's row in the registry.
        notes: Markdown for a section of its own, put in as it is; default no such section.
        pictures: names of the folder's pictures, shown above all else; default none.

    Returns:
        Markdown with YAML front matter, which has the metrics as a `model-index`.

    Raises:
        ValueError: if a result has no name or no number.
    """
    data = huggingface_hub.ModelCardData(
        license=entry.licence.lower() if _has_known_terms(config) else "other",
        language=sorted({c for d in entry.data for c in d.languages.split()}) or None,
        library_name="kexue-zoo",
        pipeline_tag=entry.task,
        tags=["kexue-zoo", "pytorch", entry.technique],
        model_name=_title(config),
        eval_results=[_eval_result(result, entry.task) for result in metrics] or None,
    )
    return _CARD.format(
        front_matter=data.to_yaml(),
        name=entry.name,
        title=_cell(_title(config)) if "data" in config else entry.name,
        summary=summary(config, entry),
        paper=entry.paper,
        post=f"Post in Scientific Spaces (科学空间): <{entry.post}>.\n" if entry.post else "",
        pictures="".join(f"\n{_show(name)}\n" for name in pictures),
        licence=_licence(config, entry) + _notices(config, entry),
        metrics=_table(metrics),
        data=_data(config, entry),
        notes=f"\n## Notes\n\n{notes}\n" if notes else "",
    )


def _data(config: dict[str, Any], entry: Entry) -> str:
    """Say what the weights were trained on, and its terms, as far as the zoo knows them."""
    if "data" in config:
        return f"\nTrained on {_cell(config['data'])}; its terms are those of its owner.\n"
    if not entry.data:
        return ""
    head = (
        "The weights of this name that come with kexue-zoo were trained on the training splits of"
    )
    rows = (f"- {data.content}; terms: {data.terms}" for data in entry.data)
    return "\n".join(["", head, "", *rows, ""])


def _licence(config: dict[str, Any], entry: Entry) -> str:
    """Name the licence of the weights, and the model of others that they derive from."""
    said = [entry.licence]
    if not _has_known_terms(config):
        said = ["Whoever trained these weights says under which licence they are"]
        if "data" in config:
            said.append(f"{_cell(config['data'])} is its owner's")
        if (start := config.get("from")) is not None:
            ours = start in registry.list_models()
            terms = registry.describe(start).licence if ours else "the licence of its owner"
            said.append(f"{_cell(start)}, from which they started, is under {terms}")
    licence = "; ".join(said)
    if (derived := config.get("derived")) is None:
        return licence if len(said) == 1 else f"{licence}."
    if known := _describe_others(derived):
        return f"{licence}. The weights derive from {known}.\n\n{NOTICE.read_text('utf-8')}"
    return f"{licence}. The weights derive from {_cell(derived)}, under the licence of its owner."


def _notices(config: dict[str, Any], entry: Entry) -> str:
    """Return the licences that go with texts of the recipe's corpora, which the folder holds."""
    corpora = () if "data" in config else entry.data
    return "".join(
        "\n\nThis folder holds texts of others, with which this goes:\n\n"
        + (SAMPLES / corpus.notice).read_text("utf-8")
        for corpus in corpora
        if corpus.notice
    )


def _has_known_terms(config: dict[str, Any]) -> bool:
    """Say whether the zoo knows the terms of all that a checkpoint's weights were made of."""
    start, derived = config.get("from"), config.get("derived")
    return (
        "data" not in config
        and (start is None or start in registry.list_models())
        and (derived is None or _describe_others(derived) is not None)
    )


def _describe_others(name: str) -> str | None:
    """Return what the registry says of a model of others, with its licence; None if nothing."""
    entries = map(registry.describe, registry.list_models())
    return next((e.derived for e in entries if e.derived.split(" ")[0] == name), None)


def _title(config: dict[str, Any]) -> str:
    """Return the name of the model, and of the data if they are not the recipe's."""
    return " on ".join([config["model"], *([config["data"]] if "data" in config else [])])


def summary(config: dict[str, Any], entry: Entry) -> str:
    """Say what the model does: what its recipe says, unless it was trained on other data."""
    sentences = [entry.summary]
    if "data" in config:
        method = (
            f"`zoo fit {entry.name}` on {_cell(config['data'])}, which is not its recipe's data"
        )
        labels = ", ".join(map(_cell, config.get("labels", [])))
        sentences = [f"What came of {method}.", *([f"Its labels: {labels}."] if labels else [])]
    if "from" in config:
        sentences.append(f"Fine-tuned from {_cell(config['from'])}.")
    return " ".join(sentences)


def check(folder: str | Path) -> None:
    """Check that a folder's card says what its `metrics.json` and its `notes.md` say.

    Raises:
        FileNotFoundError: if the card or the metrics are missing.
        ValueError: naming the first number that only one of the two has, in the card's index or
            its table; or if the card lacks the notes or a picture.
    """
    folder = Path(folder)
    again = f"make the card again (zoo.checkpoint.record({str(folder)!r}, []))"
    text = _read(folder / "README.md")
    try:
        said = {_key(r) for r in huggingface_hub.ModelCard(text).data.get("eval_results", [])}
    except (ValueError, AttributeError, TypeError, yaml.YAMLError) as error:
        raise ValueError(
            f"{folder / 'README.md'} has no readable front matter: {one_line(error)}; {again}"
        ) from error
    results = read_metrics(folder)
    measured = {_key(_eval_result(result, "")) for result in results}
    for only, other, extra in (
        ("README.md", "metrics.json", said - measured),
        ("metrics.json", "README.md", measured - said),
    ):
        if extra:
            name, value, data, *_ = min(extra)
            raise ValueError(
                f"{folder / only} has {name} = {value} on {data} and {other} has not: {again}"
            )
    for result in results:
        if _row(result) not in text.splitlines():
            raise ValueError(
                f"{folder / 'README.md'}: its table lacks the row {_row(result)!r} of "
                f"metrics.json: {again}"
            )
    for name in find_pictures(folder):
        if _show(name) not in text.splitlines():
            raise ValueError(f"{folder / 'README.md'} does not show {name}: {again}")
    if (read_notes(folder) or "") not in text:
        raise ValueError(f"{folder / 'README.md'} lacks the text of notes.md: {again}")


def read_metrics(folder: Path) -> list[dict[str, Any]]:
    """Return the results in a folder's `metrics.json`.

    Raises:
        FileNotFoundError: if there is none.
        ValueError: if it is malformed.
    """
    path = folder / "metrics.json"
    try:
        results = [dict(result) for result in json.loads(_read(path))["results"]]
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise ValueError(f'{path} is malformed: expected {{"results": [...]}}') from error
    for result in results:
        if odd := [v for v in result.values() if isinstance(v, str) and not v.isprintable()]:
            raise ValueError(f"{path} is malformed: {odd[0]!r} cannot be printed")
    return results


def read_notes(folder: Path) -> str | None:
    """Return the text of a folder's `notes.md`, None if it has none.

    Raises:
        ValueError: if it is not UTF-8.
    """
    path = folder / "notes.md"
    return _read(path) if path.is_file() else None


def find_pictures(folder: Path) -> list[str]:
    """Return the names of the pictures in a folder, which its card shows."""
    return sorted(path.name for path in folder.glob("*.png"))


def _show(name: str) -> str:
    """Return the Markdown that shows a picture."""
    return f"![{Path(name).stem}]({name})"


def _read(path: Path) -> str:
    """Read UTF-8 with the ends of line as they are."""
    if not path.is_file():
        raise FileNotFoundError(f"{path} is missing: save the checkpoint again (zoo fit writes it)")
    try:
        return read_whole(path).decode()
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} is not UTF-8: {error.reason} at byte {error.start}") from error


def _eval_result(result: dict[str, Any], task: str) -> huggingface_hub.EvalResult:
    """Turn a result into a row of the model-index."""
    name, value = result.get("metric"), result.get("value")
    if not isinstance(name, str) or type(value) not in (int, float):
        raise ValueError(f"a result needs a name and a number: metric is {name!r}, value {value!r}")
    data = str(result.get("data", "unknown"))
    extra = {key: result[key] for key in ("seed", "commit") if key in result}
    return huggingface_hub.EvalResult(
        task_type=task,
        dataset_type=re.sub(r"\W+", "-", data.lower()).strip("-"),
        dataset_name=data,
        dataset_split=result.get("split"),
        metric_type=name,
        metric_value=value,
        metric_args=extra or None,
    )


def _key(result: huggingface_hub.EvalResult) -> tuple[str, ...]:
    """Return what makes a result of a card the same as one of the metrics."""
    extra = result.metric_args or {}
    about = (result.dataset_type, result.dataset_split, extra.get("seed"), extra.get("commit"))
    return tuple(map(repr, (result.metric_type, result.metric_value, *about)))


def _table(metrics: list[dict[str, Any]]) -> str:
    """Lay results out as a Markdown table, with the commands that measure them."""
    if not metrics:
        return "Not measured."
    head = ["| metric | value | split | data | seed | commit |", "|---|---|---|---|---|---|"]
    commands = dict.fromkeys(_code(r["command"]) for r in metrics if r.get("command"))
    block = ["", "Measured by", "", "```shell", *commands, "```"] if commands else []
    nets = sorted({_cell(r["features"]) for r in metrics if r.get("features")})
    told = ["", FEATURES.format(", ".join(nets))] if nets else []
    return "\n".join([*head, *(_row(result) for result in metrics), *told, *block])


def _row(result: dict[str, Any]) -> str:
    about = (result.get(key, "") for key in ("split", "data", "seed", "commit"))
    cells = [result["metric"], f"{result['value']:.5g}", *about]
    return f"| {' | '.join(map(_cell, cells))} |"


def _cell(value: Any) -> str:
    """Write a value into a table so that it is shown as it is, and is no Markdown or HTML."""
    return re.sub(r"([\\|<>`*\[\]!])", r"\\\1", _code(value))


def _code(value: Any) -> str:
    """Put a value on one line that cannot end a block of code."""
    return " ".join(str(value).replace("```", "").split())
