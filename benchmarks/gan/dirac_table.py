"""Is the laboratory right? Every loss x term x update: what it predicts beside what is simulated.

Where there is a linear rate: the flow's against the eigenvalue's real part (5 %), the update's
against its multiplier (5 %) and the largest stable step (2 %). Elsewhere: what a long run does.

python benchmarks/gan/dirac_table.py          # more than 25 minutes of a core; Markdown, at the end
python benchmarks/gan/dirac_table.py --quick  # wgan and non-saturating alone
"""

import argparse
from collections import Counter

import numpy as np
from rich.progress import track

from zoo.gan.laboratory import simulation
from zoo.gan.laboratory.dirac import NEUTRAL
from zoo.gan.laboratory.poster import cells

AGREE = {
    "converges": {"converges"},
    "sublinear": {"sublinear"},
    "circle": {"circle"},
    "spirals out": {"limit set", "diverges"},
    "restless": {"limit set", "circle", "diverges"},
}
STEPS = 1500


def off(measured, predicted):
    return abs(measured / predicted - 1)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true", help="two losses alone")
    quick = parser.parse_args().quick
    chosen = [
        (names, lab)
        for names, lab in cells()
        if lab and (not quick or names[0] in ("wgan", "non-saturating"))
    ]
    flows, worst, failed, others = {}, {}, [], []
    for names, lab in track(chosen, "simulating", transient=True):
        if lab.kind != "converges":
            others.append((names, lab.kind, simulation.kind(lab, 4000)))
            continue
        row, column, _ = names
        deviations = {
            "update": (off(simulation.update_rate(lab, STEPS), lab.growth()), 0.05),
            "step": (off(simulation.largest_step(lab, STEPS), lab.largest_step), 0.02),
        }
        predicted = lab.eigenvalues.real.max()
        if predicted < -NEUTRAL:
            flows.setdefault((row, column), simulation.flow_rate(lab))
            deviations["flow"] = (off(flows[row, column], predicted), 0.05)
        for what, (value, limit) in deviations.items():
            worst[what] = max(worst.get(what, (0.0, names)), (value, names))
            if not value <= limit:
                failed.append((names, what, value))
    report(worst, failed, others, sum(lab.kind == "converges" for _, lab in chosen))


def report(worst, failed, others, rated):
    print(f"{rated} cells with a linear rate; largest deviation of simulation from prediction:\n")
    print("| what | largest deviation | where | cells beyond the limit |\n|---|---|---|---|")
    for what, (value, names) in worst.items():
        beyond = sum(f[1] == what for f in failed)
        print(f"| {what} | {100 * value:.2f} % | {', '.join(names)} | {beyond} |")
    for names, what, value in failed:
        print(f"beyond the limit: {', '.join(names)}: {what} {100 * value:.1f} %")
    agreed = sum(found in AGREE[kind] for _, kind, found in others)
    print(
        f"\n{len(others)} cells without one; a long run does what the verdict says in {agreed}:\n"
    )
    print("| verdict | a long run | cells |\n|---|---|---|")
    for (kind, found), count in sorted(Counter((k, f) for _, k, f in others).items()):
        print(f"| {kind} | {found} | {count} |")
    print("\nnot as the verdict says:")
    for names, kind, found in others:
        if found not in AGREE[kind]:
            print(f"- {', '.join(names)}: {kind}, but {found}")


if __name__ == "__main__":
    np.seterr(all="ignore")
    main()
