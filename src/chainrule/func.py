"""Functions of functions: derivatives in every mode, vectorisation, and pytrees. (PyTorch's torch.func.)"""

from .core.pytree import (
    register_dataclass,
    register_pytree_node,
    tree_flatten,
    tree_leaves,
    tree_map,
    tree_structure,
    tree_unflatten,
)
from .transforms.associative import associative_scan
from .transforms.control import cond, fori_loop, map, scan, while_loop
from .transforms.custom import custom_jvp, custom_vjp
from .transforms.func import (
    grad,
    grad_and_value,
    hessian,
    hvp,
    jacfwd,
    jacrev,
    jvp,
    linear_transpose,
    linearize,
    value_and_grad,
    vjp,
    vmap,
)
from .transforms.implicit import custom_linear_solve, fixed_point, root
from .transforms.minimise import MinimizeResult, minimize
from .transforms.modules import (
    fisher_product,
    functional_call,
    ggn_product,
    module_hessian,
    module_hvp,
    per_sample_grads,
    stack_module_state,
)
from .transforms.ode import odeint
from .transforms.sparse import jacobian_sparsity, sparse_hessian, sparse_jacobian

__all__ = [
    "MinimizeResult",
    "associative_scan",
    "cond",
    "custom_jvp",
    "custom_linear_solve",
    "custom_vjp",
    "fisher_product",
    "fixed_point",
    "fori_loop",
    "functional_call",
    "ggn_product",
    "grad",
    "grad_and_value",
    "hessian",
    "hvp",
    "jacfwd",
    "jacobian_sparsity",
    "jacrev",
    "jvp",
    "linear_transpose",
    "linearize",
    "map",
    "minimize",
    "module_hessian",
    "module_hvp",
    "odeint",
    "per_sample_grads",
    "register_dataclass",
    "register_pytree_node",
    "root",
    "scan",
    "sparse_hessian",
    "sparse_jacobian",
    "stack_module_state",
    "tree_flatten",
    "tree_leaves",
    "tree_map",
    "tree_structure",
    "tree_unflatten",
    "value_and_grad",
    "vjp",
    "vmap",
    "while_loop",
]
