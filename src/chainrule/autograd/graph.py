"""PyTorch's torch.autograd.graph: the nodes of the tape, places on it, and hooks on them and on what they save."""

from ..core.tape import NodeBase as Node
from ..tensor.edges import GradientEdge, get_gradient_edge, increment_version, register_multi_grad_hook
from ..tensor.hooks import (
    allow_mutation_on_saved_tensors,
    disable_saved_tensors_hooks,
    save_on_cpu,
    saved_tensors_hooks,
)

__all__ = [
    "GradientEdge",
    "Node",
    "allow_mutation_on_saved_tensors",
    "disable_saved_tensors_hooks",
    "get_gradient_edge",
    "increment_version",
    "register_multi_grad_hook",
    "save_on_cpu",
    "saved_tensors_hooks",
]
