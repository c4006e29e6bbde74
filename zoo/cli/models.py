"""What models there are."""

from zoo import registry
from zoo.checkpoint import card


def list_models(*, technique: str | None = None) -> None:
    """List the models.

    Args:
        technique: only this technique's, such as adversarial.
    """
    for name in registry.list_models(technique):
        print(f"{name:32}{registry.describe(name).summary}")


def show(name: str) -> None:
    """Show what the zoo knows of a model: paper, post, recipe, figures.

    Args:
        name: a model of `zoo list`.
    """
    entry = registry.describe(name)
    print(f"{entry.name}: {entry.summary}")
    print(f"paper    {entry.paper}\npost     {entry.post or 'none'}\nrecipe   {entry.recipe_path}")
    print(f"weights  {entry.checkpoint if entry.checkpoint.is_dir() else 'not bundled'}")
    if entry.checkpoint.is_dir():
        for row in card.read_metrics(entry.checkpoint):
            print(f"{row['metric']:24} {row['value']:.4f}  {row['data']}, {row['split']} split")
