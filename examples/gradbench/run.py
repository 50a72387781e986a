"""Run the GradBench objectives on a folder of reference files and compare: python run.py FOLDER [name ...]"""

import json
import sys
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parent))
import ba
import gmm
import ht
import kmeans
import lstm
import nested
import simple

FUNCTIONS = {k: f for module in (simple, nested, kmeans, gmm, lstm, ba, ht) for k, f in module.FUNCTIONS.items()}


def agrees(have, want):
    """Element by element |a - b| / max(1, |a| + |b|) <= 1e-4."""
    if isinstance(want, dict):
        return set(have) == set(want) and all(agrees(have[k], want[k]) for k in want)
    a, b = np.asarray(have, float), np.asarray(want, float)
    return a.shape == b.shape and bool(np.all(np.abs(a - b) / np.maximum(1, np.abs(a) + np.abs(b)) <= 1e-4))


def main(folder, names):
    failed = 0
    for path in sorted(Path(folder).glob("*.json")):
        if names and not any(n in path.name for n in names):
            continue
        case = json.loads(path.read_text())
        start = time.perf_counter()
        found = FUNCTIONS[f"{case['module']}.{case['function']}"](case["input"])
        spent = time.perf_counter() - start
        good = agrees(found, case["output"])
        failed += not good
        print(f"{path.stem:<32}{'ok' if good else 'DIFFERS':<10}{spent:8.3f} s")
    return failed


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))
