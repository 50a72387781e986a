"""Losses and gradients that are not finite: which operation made them, and where."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core.errors import ChainruleError
from ..tensor.why import why_nan


class NonFiniteError(ChainruleError, ArithmeticError):
    """The loss or a gradient became NaN or infinite; no step was made with it.

    >>> import chainrule as cr
    >>> issubclass(cr.train.NonFiniteError, Exception)
    True
    """


def _advice(run: Any) -> str:
    text = "The model is as the last good step left it. Often a smaller lr, clip_norm=1.0 or a check of the data helps."
    if run.history.checkpoint is not None:
        text += f" The last checkpoint is {run.history.checkpoint}."
    return text


def _place(run: Any) -> str:
    return f"epoch {run.epoch}, batch {run.batch + 1}"


def bad_loss(run: Any, loss: Any, value: float) -> NonFiniteError:
    """The error for a loss that is not finite; its graph is still there to be asked."""
    names = [n for n, p in run.model.named_parameters() if not np.isfinite(p._data).all()]
    why = f" Parameters that are not finite: {', '.join(names[:5])}." if names else ""
    return NonFiniteError(f"fit: the loss is {value} in {_place(run)}. {_explained(loss)}{why} {_advice(run)}")


def bad_gradient(run: Any, p: Any, held: list[Any]) -> NonFiniteError:
    """The error for a gradient that is not finite; the first batch is computed again to see where it comes from."""
    name = next((n for n, q in run.model.named_parameters() if q is p), "a parameter")
    answer = ""
    if held[0] is not None:
        loss = run.evaluate(held[0])[0]
        answer = _explained(loss)
    return NonFiniteError(f"fit: the gradient of {name} is not finite in {_place(run)}. {answer} {_advice(run)}")


def _explained(loss: Any) -> str:
    try:
        return str(why_nan(loss))
    except ChainruleError as error:  # a diagnosis must not hide what it is about
        return f"(why_nan could not tell: {error})"
