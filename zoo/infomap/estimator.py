"""Communities in the form of scikit-learn's clusterers; scikit-learn itself is not needed."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np

from zoo.infomap.communities import find_communities
from zoo.infomap.networks.knn import knn_graph
from zoo.infomap.result import Communities

Affinity = Literal["cosine", "precomputed"]


class InfoMap:
    """Clusters vectors, or the nodes of a graph, by the map equation.

    Attributes after `fit`: `labels_`, int64 (samples,), the top module of each; `communities_`, all
    that was found; `n_features_in_`.

    Args:
        affinity: `cosine` links each vector to its nearest by `knn_graph`; with `precomputed` the
            samples are a graph in any form that `zoo.find_communities` takes, such as a sparse
            matrix of weights.
        k: neighbours of a vector, at most.
        threshold: least cosine of a link.
        directed: whether the links of a graph have a direction; those to neighbours do.
        two_level: see `zoo.find_communities`.
        trials: the same.
        seed: the same.

    Example:
        >>> vectors = [[1, 0], [1, 0.1], [0.9, 0], [0, 1], [0.1, 1], [0, 0.9]]
        >>> InfoMap(k=2).fit_predict(vectors)
        array([0, 0, 0, 1, 1, 1])
    """

    def __init__(
        self,
        affinity: Affinity = "cosine",
        *,
        k: int = 50,
        threshold: float = 0.6,
        directed: bool = False,
        two_level: bool = False,
        trials: int = 1,
        seed: int = 0,
    ) -> None:
        self.affinity: Affinity = affinity
        self.k, self.threshold = k, threshold
        self.directed, self.two_level = directed, two_level
        self.trials, self.seed = trials, seed

    def fit(self, X: Any, y: Any = None) -> InfoMap:  # noqa: N803, as in scikit-learn
        """Find the communities; `y` is ignored.

        Args:
            X: float (samples, features), or a graph.
            y: nothing.

        Raises:
            ValueError: if `affinity` is unknown, or see `knn_graph` and `zoo.find_communities`.
        """
        if self.affinity not in ("cosine", "precomputed"):
            raise ValueError(f"affinity is {self.affinity!r}: expected 'cosine' or 'precomputed'")
        near = self.affinity == "cosine"
        graph = knn_graph(X, self.k, self.threshold) if near else X
        if near:
            self.n_features_in_ = int(np.shape(X)[1])
        self.communities_: Communities = find_communities(
            graph,
            directed=near or self.directed,
            two_level=self.two_level,
            trials=self.trials,
            seed=self.seed,
        )
        self.labels_: np.ndarray = self.communities_.labels
        return self

    def fit_predict(self, X: Any, y: Any = None) -> np.ndarray:  # noqa: N803
        """Return the top module of each sample, int64 (samples,); see `fit`."""
        return self.fit(X, y).labels_

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return the arguments by name, for `sklearn.base.clone`; `deep` changes nothing."""
        return {name: value for name, value in vars(self).items() if not name.endswith("_")}

    def set_params(self, **params: Any) -> InfoMap:
        """Change arguments.

        Raises:
            ValueError: naming one that there is not.
        """
        known = self.get_params()
        for name, value in params.items():
            if name not in known:
                raise ValueError(f"no parameter {name!r}: expected {', '.join(known)}")
            setattr(self, name, value)
        return self
