"""The curves r_L over L: how many continuations are longer than L."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from zoo.decoding.laboratory import Termination


def plot_curves(
    results: Mapping[str, Mapping[str, Termination]], path: str | Path | None = None
) -> Figure:
    """Draw r_L over L, a panel for each model and a line for each decoder.

    Consistent decoders are dashed, in the colour of their plain form.

    Args:
        results: what `non_termination_ratio` found, under the model's name.
        path: file to write, such as `curves.svg`; default none.

    Returns:
        The figure.

    Raises:
        ValueError: if there are no such results.
    """
    if not results or not all(isinstance(found, Mapping) for found in results.values()):
        raise ValueError("give what non_termination_ratio found under a name: {'LSTM': found}")
    figure = Figure(figsize=(4 * len(results), 3.6), layout="constrained")
    panels = figure.subplots(1, len(results), sharey=True, squeeze=False)[0]
    for panel, (model, found) in zip(panels, results.items(), strict=True):
        plain = sorted({method.removeprefix("consistent ") for method in found})
        for method, ending in found.items():
            lengths = np.unique(np.geomspace(1, ending.limit, 80).astype(int))
            panel.step(
                lengths,
                ending.curve(lengths.tolist()),
                where="post",
                color=f"C{plain.index(method.removeprefix('consistent '))}",
                linestyle="--" if method.startswith("consistent ") else "-",
                label=method,
            )
        panel.set(title=model, xscale="log", xlabel="L, tokens", ylim=(-0.02, 1.02))
        panel.grid(alpha=0.3)
    panels[0].set_ylabel("share of continuations longer than L")
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside right center", fontsize="small")
    if path is not None:
        figure.savefig(path)
    return figure
