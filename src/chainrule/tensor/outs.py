"""The `out=` argument of PyTorch's top-level functions that are not made with one."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import wraps
from typing import Any

from ..core.writes import write_out

NAMES = (
    "nan_to_num conj_physical msort diag float_power ldexp kron argmax argmin nansum nanmean median nanmedian mode "
    "kthvalue cummax cummin aminmax diff hstack vstack dstack column_stack row_stack take nonzero scatter scatter_add "
    "scatter_reduce index_add index_copy index_reduce where renorm clamp_min clamp_max lerp addcmul addcdiv complex "
    "polar polygamma mvlgamma softmax log_softmax isin"
)


def with_out(function: Callable) -> Callable:
    """`function` with a keyword `out`: the tensor, or tensors, that take its result."""

    @wraps(function)
    def op(*args: Any, **kwargs: Any) -> Any:
        out = kwargs.pop("out", None) if kwargs else None
        found = function(*args, **kwargs)
        if out is None:
            return found
        if not isinstance(found, tuple):
            return write_out(out, found)
        from ..ops.linalg_basic import finish_outs

        return finish_outs(out, found)

    op.__module__ = __package__.partition(".")[0]  # where pickle finds it
    known = inspect.signature(function)
    keyword = inspect.Parameter("out", inspect.Parameter.KEYWORD_ONLY, default=None, annotation="Any")
    op.__signature__ = known.replace(parameters=[*known.parameters.values(), keyword])  # type: ignore[attr-defined]
    return op


def attach(namespace: dict[str, Any]) -> None:
    """Give the functions of these names that are in a namespace the argument."""
    for name in NAMES.split():
        if name in namespace:
            namespace[name] = with_out(namespace[name])
