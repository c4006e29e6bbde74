import os
import subprocess
import sys
from pathlib import Path

import pytest

BYTES_AN_EDGE = 100
PEAK = """
import re, sys
import numpy as np
from zoo.infomap.communities import find_communities

def peak():
    with open("/proc/self/status") as file:
        return 1024 * int(re.findall(r"VmHWM:\\s+(\\d+)", file.read())[0])

def links(nodes, sizes, degrees):
    random = np.random.default_rng(1)
    ends = []
    for size, degree in zip(sizes, degrees):
        sources = random.integers(0, nodes, nodes * degree // 2)
        targets = sources // size * size + random.integers(0, size, sources.size)
        ends.append(np.stack([sources, np.minimum(targets, nodes - 1)]).astype(np.int32))
    ends = np.concatenate(ends, axis=1)
    return ends[0], ends[1], random.random(ends.shape[1]) + 0.5

options = {options}
find_communities(links(100, [5, 100], [4, 2]), **options)  # loads the kernels
graph = links(100_000, [100, 5_000, 100_000], {degrees})
before = peak()
levels = find_communities(graph, **options).levels
print((peak() - before) / graph[0].size, levels)
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="tells the peak on Linux only")
@pytest.mark.parametrize("directed", [False, True])
@pytest.mark.parametrize(("degrees", "depth"), [([12, 0, 6], 2), ([12, 4, 2], 3)])
def test_peak_memory_of_weighted_links(directed, degrees, depth):
    script = PEAK.format(options={"directed": directed}, degrees=degrees)
    variables = {**os.environ, "OMP_NUM_THREADS": "1"}
    run = subprocess.run(
        [sys.executable, "-c", script], check=True, capture_output=True, text=True, env=variables
    )
    taken, levels = run.stdout.split()
    assert int(levels) == depth
    assert float(taken) < BYTES_AN_EDGE
