"""Switches of recording: no_grad, enable_grad, set_grad_enabled, inference_mode; context managers and decorators."""

from __future__ import annotations

import functools
import inspect
import warnings
from collections.abc import Callable
from typing import Any

from ..core.state import state


class _Switch:
    """A mode that can be entered with `with`, or decorate a function or generator."""

    def __enter__(self) -> None:
        raise NotImplementedError  # abstract

    def __exit__(self, *exc: object) -> None:
        raise NotImplementedError  # abstract

    def _fresh(self) -> _Switch:
        return type(self)()

    def __call__(self, function: Callable) -> Callable:
        if inspect.isclass(function):
            warnings.warn(
                "Decorating classes is deprecated: it switches the mode for the constructor only. Decorate the methods "
                "that need it.",
                FutureWarning,
                stacklevel=2,
            )
            construct = function.__init__
            function.__init__ = self(construct)
            return function
        if inspect.isgeneratorfunction(function):

            @functools.wraps(function)
            def generator(*args: Any, **kwargs: Any) -> Any:
                inner = function(*args, **kwargs)
                step: Callable[[], Any] = inner.__next__
                while True:
                    with self._fresh():
                        try:
                            value = step()
                        except StopIteration as stop:
                            return stop.value
                    try:
                        sent = yield value
                    except GeneratorExit:
                        with self._fresh():
                            inner.close()
                        raise
                    except BaseException as error:
                        step = functools.partial(inner.throw, error)
                    else:
                        step = functools.partial(inner.send, sent)

            return generator

        @functools.wraps(function)
        def wrapped(*args: Any, **kwargs: Any) -> Any:
            with self._fresh():
                return function(*args, **kwargs)

        return wrapped


class _GradSwitch(_Switch):
    enabled = True

    def __init__(self) -> None:
        self._stack: list[bool] = []

    def __enter__(self) -> None:
        self._stack.append(state.grad_enabled)
        state.set_grad(self.enabled)

    def __exit__(self, *exc: object) -> None:
        state.set_grad(self._stack.pop())


class no_grad(_GradSwitch):  # noqa: N801 (PyTorch's names)
    """Do not record: results have requires_grad=False, and writes in place really write.

    >>> import chainrule as cr
    >>> x = cr.tensor([1.0], requires_grad=True)
    >>> with cr.no_grad():
    ...     y = x * 2
    >>> y.requires_grad
    False
    """

    enabled = False

    def __new__(cls, function: Callable | None = None) -> Any:
        made = object.__new__(cls)
        if function is not None:  # used as a bare decorator
            made.__init__()
            return made(function)
        return made

    def __init__(self, function: Callable | None = None) -> None:
        self._stack = []


class enable_grad(no_grad):  # noqa: N801
    """Record again, inside no_grad.

    >>> import chainrule as cr
    >>> x = cr.tensor(1.0, requires_grad=True)
    >>> with cr.no_grad(), cr.enable_grad():
    ...     print((2 * x).requires_grad)
    True
    """

    enabled = True


class set_grad_enabled(_GradSwitch):  # noqa: N801
    """Switch recording to `mode`: at once when called, and back at the end when used as a context manager.

    >>> import chainrule as cr
    >>> with cr.set_grad_enabled(False):
    ...     print(cr.is_grad_enabled())
    False
    """

    def __init__(self, mode: bool) -> None:
        super().__init__()
        self._before = state.grad_enabled
        self.enabled = self.mode = bool(mode)
        state.set_grad(self.enabled)

    def __enter__(self) -> None:
        self._stack.append(self._before)
        state.set_grad(self.enabled)

    def __call__(self, function: Callable) -> Callable:
        state.set_grad(self._before)
        return super().__call__(function)

    def _fresh(self) -> set_grad_enabled:
        return set_grad_enabled(self.mode)


class inference_mode(_Switch):  # noqa: N801
    """no_grad whose results are marked (`x.is_inference()`), so that they cannot slip into recording later.

    Outside of it, such a tensor can be read and computed with. To write to it in place, to save it for a gradient or to
    let it require grad raises RuntimeError, as in PyTorch; `x.clone()` is a normal tensor. `mode=False` switches back.

    >>> import chainrule as cr
    >>> with cr.inference_mode():
    ...     y = cr.ones(2) * 3
    >>> y.is_inference(), (y * 2).is_inference()
    (True, False)
    """

    def __new__(cls, mode: Any = True) -> Any:
        made = object.__new__(cls)
        if callable(mode):
            made.__init__(True)
            return made(mode)
        return made

    def __init__(self, mode: Any = True) -> None:
        self.mode = bool(mode)
        self._stack: list[tuple[bool, bool]] = []

    def _fresh(self) -> inference_mode:
        return inference_mode(self.mode)

    def __enter__(self) -> None:
        self._stack.append((state.grad_enabled, state.inference))
        if self.mode:
            state.inference = True
            state.set_grad(False)
        else:
            state.inference = False
            state.set_grad(True)

    def __exit__(self, *exc: object) -> None:
        enabled, state.inference = self._stack.pop()
        state.set_grad(enabled)


def is_grad_enabled() -> bool:
    """Is recording on in this thread?

    >>> import chainrule as cr
    >>> cr.is_grad_enabled()
    True
    """
    return state.grad_enabled


def is_inference_mode_enabled() -> bool:
    """Is inference mode on in this thread?

    >>> import chainrule as cr
    >>> cr.is_inference_mode_enabled()
    False
    """
    return state.inference
