import numpy as np
import pytest

from zoo.infomap.flow import make_flow
from zoo.infomap.map_equation import codelength
from zoo.infomap.networks.states import from_states


def test_states_are_told_by_their_numbers():
    network = from_states([30, 10, 20], [1, 2, 1], [10, 30], [20, 10], [1, 2], directed=True)
    assert network.ids.tolist() == [30, 10, 20]
    assert network.physical.tolist() == [1, 2, 1]
    assert network.starts.tolist() == [0, 1, 2, 2]
    assert network.targets.tolist() == [1, 2]
    assert network.weights.tolist() == [2, 1]


def test_the_order_of_states_does_not_matter():
    states, physical = np.array([5, 6, 7, 8]), np.array([0, 1, 0, 2])
    links = [5, 6, 7, 8], [6, 7, 8, 5], [1.0, 2.0, 3.0, 4.0]
    labels = np.array([0, 0, 1, 1])
    lengths = []
    for order in ([0, 1, 2, 3], [3, 1, 0, 2]):
        network = from_states(states[order], physical[order], *links, directed=True)
        lengths.append(codelength(make_flow(network, model="directed"), labels[order]))
    assert lengths[0] == pytest.approx(lengths[1])


def test_memory_shortens_the_description():
    """Two triangles that share a node, whose states remember which triangle it was entered from."""
    corners = [0, 1, 2, 0, 3, 4]
    ring = from_states(range(6), corners, [0, 1, 2, 3, 4, 5], [1, 2, 0, 4, 5, 3])
    flow = make_flow(ring)
    assert codelength(flow, [0, 0, 0, 1, 1, 1]) == pytest.approx(np.log2(3))
    assert codelength(flow, [0] * 6) == pytest.approx(np.log2(3) + 2 / 3)


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        (([1, 2, 1], [0, 0, 0], [1], [2]), "state 1 is named twice"),
        (([1, 2], [0], [1], [2]), "2 states and 1 physical"),
        (([1, 2], [0, 0], [1, 3], [2, 2]), r"sources\[1\] is 3: no such state"),
        (([1, 2], [0, 0], [1, 2], [2, 0]), r"targets\[1\] is 0: no such state"),
        (([1, 2], [0, -1], [1], [2]), r"physical\[1\] is -1"),
    ],
)
def test_what_is_wrong_is_named(columns, message):
    with pytest.raises(ValueError, match=message):
        from_states(*columns)
