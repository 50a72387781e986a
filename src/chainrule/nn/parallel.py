"""PyTorch's wrappers for several devices, on the one device there is."""

from __future__ import annotations

from typing import Any

from ..core.errors import DeviceError
from .module import Module


class DataParallel(Module):
    """Calls `module` as it is: with one device there is nothing to divide. Keys of state_dict begin with "module.".

    Inputs and results are those of `module`.

    >>> import chainrule as cr
    >>> net = cr.nn.DataParallel(cr.nn.Linear(2, 1))
    >>> list(net.state_dict())
    ['module.weight', 'module.bias']
    >>> net(cr.ones(3, 2)).shape
    torch.Size([3, 1])
    """

    def __init__(self, module: Module, device_ids: Any = None, output_device: Any = None, dim: int = 0) -> None:
        super().__init__()
        self.module = module
        self.device_ids: list = []

    def forward(self, *inputs: Any, **kwargs: Any) -> Any:
        """module(*inputs, **kwargs)."""
        return self.module(*inputs, **kwargs)


class DistributedDataParallel(Module):
    """Refused on creation, with DeviceError: one process has no other to share its gradients with."""

    def __init__(self, module: Module, *args: Any, **kwargs: Any) -> None:
        raise DeviceError(
            "DistributedDataParallel: chainrule runs in one process and has no process groups. Use the module itself; "
            "scripts written for torchrun skip this wrapper when RANK is not set."
        )


def data_parallel(
    module: Module,
    inputs: Any,
    device_ids: Any = None,
    output_device: Any = None,
    dim: int = 0,
    module_kwargs: Any = None,
) -> Any:
    """module(*inputs, **module_kwargs) on the one device there is; `inputs` is a tensor or a tuple of arguments.

    >>> import chainrule as cr
    >>> from chainrule.nn.parallel import data_parallel
    >>> data_parallel(cr.nn.Flatten(), cr.ones(2, 3, 4)).shape
    torch.Size([2, 12])
    """
    arguments = inputs if isinstance(inputs, tuple) else (inputs,)
    return module(*arguments, **(module_kwargs or {}))


__all__ = ["DataParallel", "DistributedDataParallel", "data_parallel"]
