"""Memory of a 20-layer network, chainrule against PyTorch: what the tape holds, and the peak of forward and backward.

Held by the tape after the forward pass: for PyTorch distinct storages seen by saved_tensors_hooks, for chainrule
distinct memory owners saved by the nodes. Parameters and the input are counted on both sides if a rule reads them.

Peak: growth of the process's largest resident set over a forward and backward pass on 8,192 rows (an activation takes
8 MiB), each library in a fresh process, after a pass on one row.
"""

from __future__ import annotations

import importlib
import re
import subprocess
import sys
from pathlib import Path

import numpy as np

import chainrule
from chainrule.core.writes import owner_of
from chainrule.tensor.why import graph_nodes


def loss_of(T, x):
    T.manual_seed(0)
    layers = []
    for _ in range(20):
        layers += [T.nn.Linear(256, 256), T.nn.Tanh()]
    return (T.nn.Sequential(*layers)(x) ** 2).mean()


def held_by_chainrule(x):
    owners = {}
    for node in graph_nodes(loss_of(chainrule, chainrule.tensor(x))._node):
        for saved in (*(node.args or ()), *(node.ans if isinstance(node.ans, tuple) else (node.ans,))):
            if isinstance(saved, np.ndarray):
                owner = owner_of(saved)
                owners[id(owner)] = owner.nbytes
    return sum(owners.values())


def held_by_torch(x):
    import torch

    storages = {}

    def pack(t):
        storages[t.untyped_storage().data_ptr()] = t.untyped_storage().nbytes()
        return t

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda t: t):
        kept = loss_of(torch, torch.tensor(x))
    del kept
    return sum(storages.values())


def resident_peak():
    """MiB, as Linux counts them for this process since it was started."""
    return int(re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())[1]) / 1024


def peak(library):
    """Run in a process of its own: MiB that a large forward and backward pass adds to the peak."""
    T = importlib.import_module(library)
    if library == "torch":
        T.set_num_threads(1)
    x = np.random.default_rng(0).normal(size=(8192, 256)).astype("float32")
    loss_of(T, T.tensor(x[:1])).backward()
    x = T.tensor(x)
    before = resident_peak()
    loss_of(T, x).backward()
    return resident_peak() - before


def peak_of(library):
    done = subprocess.run([sys.executable, __file__, library], capture_output=True, text=True, check=True)
    return float(done.stdout)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        print(peak(sys.argv[1]))
    else:
        x = np.random.default_rng(0).normal(size=(512, 256)).astype("float32")
        own, peer = held_by_chainrule(x), held_by_torch(x)
        print(f"held: chainrule {own / 2**20:.2f} MiB, PyTorch {peer / 2**20:.2f} MiB, ratio {own / peer:.2f}")
        own, peer = peak_of("chainrule"), peak_of("torch")
        print(f"peak: chainrule {own:.0f} MiB, PyTorch {peer:.0f} MiB, ratio {own / peer:.2f}")
