"""Who is meant in a title: baselines over five folds, and checkpoints beside them.

    python benchmarks/linking/poets.py [--by author|title|name] [--folds 0 --models FOLDER]
    python benchmarks/linking/poets.py --nil --folds 0 --models linking_poets

Accuracy over gold mentions of poets in the base, all titles once: each fold tests a fifth. The
logistic regression has what the facts and the training titles allow, and no text: the dates, the
counts and who named whom. Intervals are 95 % by bootstrap over titles.

With `--nil`, accuracy over all gold mentions, those of people whom the base lacks too; thresholds
are fitted to the validation split.
"""

import argparse
import math

import numpy as np
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

import zoo
from zoo.data.poets import FOLDS, load_poets
from zoo.linking.calibration import Calibration, fit
from zoo.linking.corpora import Poets
from zoo.metrics.bootstrap import bootstrap_interval

ADULT, LIFE = 15, 65


def life(poet):
    birth, death = poet.birth, poet.death
    if not birth and not death:
        return None
    birth = birth or death - LIFE
    return birth, death or birth + LIFE


def overlap(author, candidate):
    """Two grown up at one time: 1; nearly: 0.3; not: 0; unknown: 0.4 in one dynasty, else 0."""
    one, two = life(author), life(candidate)
    if one is None or two is None:
        return 0.4 if author.id[0] == candidate.id[0] else 0.0
    years = min(one[1], two[1]) - max(one[0], two[0]) - ADULT
    return 1.0 if years > 5 else 0.3 if years > -5 else 0.0


class Questions:
    """The questions of one split as rows of numbers, a row for each candidate."""

    def __init__(self, data, split, of):
        self.columns, self.answers = [], []
        titles = [t for t in load_poets()[1] if t.split(data.by, data.fold) == split and t.entity]
        questions = [q for q in data.read(split) if q.answer >= 0]
        assert [t.text for t in titles] == [q.text for q in questions]
        for title, question in zip(titles, questions, strict=True):
            author = of[title.author]
            rows = []
            for id_, row in zip(question.ids, question.features, strict=True):
                candidate = of[id_]
                together = overlap(author, candidate)
                lives = life(author), life(candidate)
                gap = abs(sum(lives[0]) - sum(lives[1])) / 200 if all(lives) else 0
                levels = [float(together == level) for level in (1.0, 0.3, 0.4, 0.0)]
                fame = math.log1p(candidate.poems)
                courtesy = float(title.name in candidate.courtesy)
                same = float(author.id[0] == candidate.id[0])
                rows.append([*row, together, fame, gap, courtesy, same, *levels])
            self.columns.append(np.array(rows))
            self.answers.append(question.answer)

    def right(self, score):
        """Whether the candidate with the highest score is the right one, for each question."""
        chosen = [int(np.argmax(score(rows))) for rows in self.columns]
        return np.array(chosen) == np.array(self.answers)


PRIOR, CHOSEN, THERE, BACK, RANK, TOGETHER, FAME = range(7)
SCORES = {
    "base's order (most poems)": lambda x: -x[:, RANK],
    "most frequent": lambda x: x[:, PRIOR],
    "dates, then order": lambda x: 1e3 * x[:, TOGETHER] - x[:, RANK],
    "dates, then most frequent": lambda x: 1e3 * x[:, TOGETHER] + x[:, PRIOR],
    "known friends, dates, most frequent": lambda x: (
        1e6 * x[:, THERE] + 1e3 * x[:, TOGETHER] + x[:, PRIOR]
    ),
}


def logistic(train, test):
    x = np.concatenate(train.columns)
    places = zip(train.columns, train.answers, strict=True)
    y = np.concatenate([np.arange(len(rows)) == answer for rows, answer in places])
    scale = StandardScaler().fit(x)
    model = LogisticRegression(max_iter=1000).fit(scale.transform(x), y)
    return test.right(lambda rows: model.decision_function(scale.transform(rows)))


def linked(folder, data):
    """Whether a checkpoint is right on the test mentions of poets in the base, NIL not allowed."""
    net = zoo.load(folder)
    questions = [q for q in data.read("test") if q.answer >= 0]
    best = [int(np.argmax(row[1:])) for _, row in net.answer(questions)]
    return np.array(best) == np.array([q.answer for q in questions])


def with_nil(net, data):
    """Whether each way is right on the test mentions, NIL ones too; the best threshold is fitted.

    Of the prior: the logarithms of `Behaviour.prior` times the share of known mentions, and of the
    share of unknown ones.
    """
    net.behaviour = data.behaviour
    of = {split: data.read(split) for split in ("valid", "test")}
    answer = {split: torch.tensor([q.answer for q in of[split]]) for split in of}

    def prior(question):
        unknown = question.nil_features[0]  # log-odds
        known = -math.log1p(math.exp(unknown))
        return [unknown + known, *(row[PRIOR] + known for row in question.features)]

    def network(questions):
        net.calibration = Calibration()
        return [[math.log(max(p, 1e-30)) for p in row] for _, row in net.answer(questions)]

    ways = {"prior": lambda qs: list(map(prior, qs)), "network": network}
    right = {}
    for name, score in ways.items():
        logits = {split: padded(score(of[split])) for split in of}
        chosen = {
            f"{name}, always link": Calibration(),
            f"{name}, with a threshold": fit(logits["valid"], answer["valid"]),
        }
        for way, calibration in chosen.items():
            places = calibration.choose(calibration.probabilities(logits["test"]))
            right[way] = (places == answer["test"]).numpy()
        right[f"{name}, NIL if it is likeliest"] = (
            logits["test"].argmax(1) - 1 == answer["test"]
        ).numpy()
    return right


def padded(rows):
    rows = [torch.tensor(row, dtype=torch.float64) for row in rows]
    return torch.nn.utils.rnn.pad_sequence(rows, batch_first=True, padding_value=-torch.inf)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--by", default="author", choices=["author", "title", "name"])
    parser.add_argument("--folds", nargs="*", type=int, default=list(range(FOLDS)))
    parser.add_argument("--models", nargs="*", default=[], help="a checkpoint folder for each fold")
    parser.add_argument("--nil", action="store_true", help="over all gold mentions, NIL ones too")
    options = parser.parse_args()
    of = {poet.id: poet for poet in load_poets()[0]}
    right = {}
    for number, fold in enumerate(options.folds):
        if options.nil:
            net = zoo.load(options.models[number])
            for name, values in with_nil(net, Poets(by=options.by, fold=fold)).items():
                right.setdefault(name, []).append(values)
            continue
        data = Poets(by=options.by, fold=fold, nil=False)
        train, test = Questions(data, "train", of), Questions(data, "test", of)
        chance = np.array([1 / len(rows) for rows in test.columns])
        right.setdefault("random", []).append(chance)
        for name, score in SCORES.items():
            right.setdefault(name, []).append(test.right(score))
        right.setdefault("logistic regression", []).append(logistic(train, test))
        if number < len(options.models):
            right.setdefault("network", []).append(linked(options.models[number], data))
    print(f"poets, split by {options.by}, folds {options.folds}")
    for name, folds in right.items():
        values = torch.from_numpy(np.concatenate(folds).astype(float))[:, None]
        low, high = bootstrap_interval(values)[:, 0].tolist()
        print(f"{name:38}{values.mean():.3f}  [{low:.3f}, {high:.3f}]  of {len(values):,}")


if __name__ == "__main__":
    main()
