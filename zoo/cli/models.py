"""What models there are."""

from pathlib import Path

from zoo import registry
from zoo.checkpoint import card
from zoo.checkpoint.header import count_parameters
from zoo.checkpoint.integrity import verify

HEAD = ("model", "parameters", "MB", "licence", "languages", "data to fetch")
NONE = "-"


def list_models(*, technique: str | None = None, markdown: bool = False) -> None:
    """List the models.

    Parameters and megabytes are those of the weights that come with the zoo; - where none do.

    Args:
        technique: only this technique's, such as adversarial.
        markdown: print the table as the README has it.
    """
    entries = [registry.describe(name) for name in registry.list_models(technique)]
    if not entries:
        known = {registry.describe(name).technique for name in registry.list_models()}
        raise ValueError(f"technique is {technique!r}: expected one of {', '.join(sorted(known))}")
    if markdown:
        print(f"| {' | '.join(HEAD)} |\n|---|---:|---:|---|---|---|")
        for entry in entries:
            name, *facts = row(entry)
            print(f"| `{name}` | {' | '.join(facts)} |")
        return
    table = [(*HEAD, "summary"), *((*row(e), e.summary) for e in entries)]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    for line in table:
        cells = (cell.ljust(width) for cell, width in zip(line, widths, strict=True))
        print("  ".join(cells).rstrip())


def row(entry: registry.Entry) -> tuple[str, ...]:
    """Return what `HEAD` names of a model, as words."""
    weights = entry.checkpoint / "model.safetensors"
    parameters = size = NONE
    if weights.is_file():
        parameters = f"{count_parameters(weights):,}"
        size = f"{weights.stat().st_size / 1e6:.1f}"
    languages = source = NONE
    if entry.data:
        languages, source = entry.data[0].languages or NONE, entry.data[0].source or "none"
    return entry.name, parameters, size, entry.licence, languages, source


def show(model: str) -> None:
    """Show what the zoo knows of a model: paper, post, recipe, figures.

    Args:
        model: a model of `zoo list`, or a checkpoint folder.
    """
    if Path(model).is_dir() and model not in registry.list_models():
        _show_folder(verify(model))
        return
    entry = registry.describe(model)
    print(f"{entry.name}: {entry.summary}")
    print(f"paper    {entry.paper}\npost     {entry.post or 'none'}\nrecipe   {entry.recipe_path}")
    for data in entry.data:
        print(f"data     {data.content}\nterms    {data.terms}")
    print(f"licence  {entry.licence}\nderived  {entry.derived or 'none'}")
    print(f"weights  {entry.checkpoint if entry.checkpoint.is_dir() else 'not bundled'}")
    if entry.checkpoint.is_dir():
        _show_figures(entry.checkpoint)


def _show_folder(folder: Path) -> None:
    """Show what a checkpoint folder says of itself, which may be a stranger's."""
    from zoo.checkpoint import read_config  # with torch, which takes seconds

    config = read_config(folder)
    entry = registry.describe(config["model"])
    print(f"{entry.name}: {card.summary(config, entry)}")
    print(f"paper    {entry.paper}\nrecipe   {folder / 'recipe.yaml'}")
    print(f"data     {config.get('data', 'not said; its recipe names them')}")
    print(f"labels   {', '.join(config.get('labels', [])) or NONE}\nweights  {folder}")
    _show_figures(folder)


def _show_figures(folder: Path) -> None:
    for row in card.read_metrics(folder):
        value, about = row.get("value"), f"{row.get('data')}, {row.get('split')} split"
        figure = f"{value:.4f}" if isinstance(value, float | int) else repr(value)
        print(f"{row.get('metric')!s:24} {figure}  {about}")
