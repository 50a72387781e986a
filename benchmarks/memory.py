"""Bytes that the tape of a 20-layer network holds after its forward pass, chainrule against PyTorch.

For PyTorch: distinct storages seen by saved_tensors_hooks. For chainrule: distinct memory owners saved by the nodes.
Parameters and the input are counted on both sides if a rule reads them.
"""

from __future__ import annotations

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


if __name__ == "__main__":
    x = np.random.default_rng(0).normal(size=(512, 256)).astype("float32")
    own, peer = held_by_chainrule(x), held_by_torch(x)
    print(f"chainrule {own / 2**20:.2f} MiB, PyTorch {peer / 2**20:.2f} MiB, ratio {own / peer:.2f}")
