"""The command `zoo attack`."""

from typing import Any

from zoo.adversarial.robustness import robustness
from zoo.cli.options import OptionParser
from zoo.files import expand_home, replacing, require_place
from zoo.training.recipes import data_options, embedded_data
from zoo.training.run import assemble
from zoo.training.start import source_folder


def run(words: list[str]) -> None:
    """Parse the words that follow `zoo attack`, and measure.

    Raises:
        ValueError: if the model classifies nothing, or an option is wrong.
    """
    of_data, others = data_options(words)
    parser = OptionParser(prog="zoo attack", description=(attack.__doc__ or "").partition("\n")[0])
    parser.add_function(attack)
    attack(of_data, **parser.parse(others))


def attack(
    data: list[str],
    /,
    model: str,
    *,
    attacks: list[str] | None = None,
    strengths: list[float] | None = None,
    examples: int | None = 500,
    steps: int = 20,
    output: str | None = None,
) -> None:
    """Measure a classifier's accuracy under attacks on the test split.

    Args:
        data: options of the model's recipe, such as `--data.root FOLDER`.
        model: a name of `zoo list`, a checkpoint folder or org/repo on the Hub.
        attacks: pgd, swap, drop or homophone; may be repeated; default pgd, and for texts swap and
            drop.
        strengths: of the attacks, one or more numbers; default growing ones, see `robustness`.
        examples: how many of the test split, spread evenly over it; null for all.
        steps: of pgd.
        output: a PNG file for the curves.
    """
    from zoo import hub

    if examples is not None and examples < 1:
        raise ValueError(f"examples is {examples}: expected at least 1, or null for all")
    path = None if output is None else expand_home(output)
    if path is not None:
        require_place(path)
    net: Any = hub.load(model)
    if not hasattr(net, "predict"):
        raise ValueError(f"{model} classifies nothing: `zoo list` says what it does")
    folder = source_folder(model)
    file = folder / "recipe.yaml"
    recipe = ["--config", str(file), "--from", model, *embedded_data(model, file, data)]
    loader = assemble([*recipe, *data]).datamodule.test_dataloader()
    total = len(loader.items)
    chosen = min(total, examples or total)
    items = [loader.items[i * total // chosen] for i in range(chosen)]
    pairs = [(item[0], int(item[1])) for item in items]
    kinds = attacks or (["pgd", "swap", "drop"] if isinstance(pairs[0][0], str) else ["pgd"])
    found = robustness(net, pairs, kinds, strengths=strengths, steps=steps)
    print(found)
    if found.silent > 0.01:
        print(
            f"{found.silent:.0%} of the gradients are zero: they may be masked, and what looks "
            "robust may not be"
        )
    if path is not None:
        from matplotlib import pyplot

        found.plot()
        with replacing(path) as partial:
            pyplot.savefig(partial, format="png")
        print(output)
