"""The program `infomap` as an oracle: flow, and codelength of given partitions."""

import warnings
from dataclasses import dataclass

import numpy as np
from infomap import Infomap, Result


@dataclass(frozen=True)
class Described:
    """What the reference says: flow of each node, or of each (layer, node), and codelengths."""

    flow: dict
    modules: dict
    codelength: float
    index: float
    one_level: float
    result: Result


def describe(flags, network, labels):
    """Describe a network of nodes 0, 1, ... with a two-level partition."""
    program = load(flags, network)
    partition = {node: int(label) for node, label in enumerate(labels)}
    return answer(program, no_infomap=True, initial_partition=partition)


def load(flags, network):
    """Give a network to the program."""
    program = Infomap(f"{flags} --silent")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if network.first_feature is not None:
            program.bipartite_start_id = network.first_feature
        for node in range(network.nodes):
            if network.physical is not None:
                program.add_state_node(node, int(network.physical[node]))
            else:
                weights = network.node_weights
                weight = None if weights is None else float(weights[node])
                program.add_node(node, teleportation_weight=weight)
        for source, target, weight in edges_of(network):
            program.add_link(int(source), int(target), float(weight))
    return program


def edges_of(network):
    """The links of a network, each undirected one once."""
    sources = np.repeat(np.arange(network.nodes), np.diff(network.starts))
    kept = sources <= network.targets
    if network.directed:
        kept[:] = True
    return zip(sources[kept], network.targets[kept], network.weights[kept], strict=True)


def answer(program, **options):
    """Run the program; in a multilayer network nodes go by layer and number."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        result = program.run(**options)
        nodes = list(program.nodes)
        layered = any(node.layer_id for node in nodes)
        keys = [(n.layer_id, n.node_id) if layered else n.state_id for n in nodes]
        return Described(
            dict(zip(keys, (node.flow for node in nodes), strict=True)),
            dict(zip(keys, (node.module_id for node in nodes), strict=True)),
            program.codelength,
            program.index_codelength,
            program.one_level_codelength,
            result,
        )
