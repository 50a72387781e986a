"""A model's gradients against central differences, before it is trained."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from typing import Any

import numpy as np

from ..core.errors import ArgumentError
from ..core.value import Tensor, wrap
from ..tensor.gradcheck import GradcheckError, gradcheck
from ..transforms.modules import functional_call


def check_gradients(
    model: Any, loss: Callable, inputs: Any, target: Any, entries: int = 6, seed: int = 0
) -> dict[str, int]:
    """Compare the gradients of loss(model(inputs), target) with differences, in float64, at a copy of the model.

    Of every parameter `entries` numbers are drawn by chance; gradcheck moves each by 1e-6 either way. The copy is in
    evaluation mode, so that dropout and batch statistics do not differ from call to call.

    Returns {"tensors": how many parameters, "entries": how many derivatives were compared}. Raises ArgumentError that
    names the parameter whose gradient is wrong.

    >>> from chainrule import nn, randn
    >>> check_gradients(nn.Linear(3, 2), nn.MSELoss(), randn(5, 3), randn(5, 2).double())
    {'tensors': 2, 'entries': 8}
    """
    copy = deepcopy(model).double().eval()
    inputs = inputs.double() if inputs.is_floating_point() else inputs
    rng = np.random.default_rng(seed)
    compared = 0
    parameters = dict(copy.named_parameters())
    for name, parameter in parameters.items():
        start = parameter.detach()
        places = rng.permutation(start.numel())[:entries]

        def value(moved: Tensor, name: str = name, start: Tensor = start, places: np.ndarray = places) -> Tensor:
            whole = start.reshape(-1).index_put((wrap(places),), moved).reshape(start.shape)
            return loss(functional_call(copy, {name: whole}, (inputs,)), target)

        chosen = wrap(start.numpy().reshape(-1)[places].copy()).requires_grad_()
        try:
            gradcheck(value, (chosen,))
        except GradcheckError as error:
            raise ArgumentError(f"the gradient of the loss with respect to {name} is wrong: {error}") from error
        compared += len(places)
    return {"tensors": len(parameters), "entries": compared}
