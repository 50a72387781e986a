"""Distribution: what all distributions share. (PyTorch's torch.distributions.Distribution.)"""

from __future__ import annotations

import warnings
from typing import Any

from ..core.errors import ArgumentError
from ..core.value import Tensor, Tracer, raw_shape, wrap
from ..ops.random import known
from ..tensor.attributes import Size
from ..tensor.modes import no_grad
from . import constraints
from .utils import lazy_property

__all__ = ["Distribution", "ExponentialFamily"]


class Distribution:
    """A distribution of random tensors: `batch_shape` independent ones, each over events of `event_shape`.

    Parameters and values are checked (`validate_args`) unless Python runs with -O; a value that is not known yet,
    inside a transformation, is not checked. Subclasses give `arg_constraints`, `support`, `log_prob` and `rsample` or
    `sample`.

    >>> import chainrule as cr
    >>> d = cr.distributions.Normal(cr.zeros(3), 1.0)
    >>> d.batch_shape, d.event_shape, d.sample((2,)).shape
    (torch.Size([3]), torch.Size([]), torch.Size([2, 3]))
    """

    has_rsample = False
    has_enumerate_support = False
    _validate_args = __debug__
    arg_constraints: dict[str, constraints.Constraint] = {}  # noqa: RUF012 (PyTorch's spelling)

    def __init__(self, batch_shape: Any = (), event_shape: Any = (), validate_args: bool | None = None) -> None:
        self._batch_shape, self._event_shape = Size(batch_shape), Size(event_shape)
        if validate_args is not None:
            self._validate_args = validate_args
        if self._validate_args:
            self._check_parameters()

    @staticmethod
    def set_default_validate_args(value: bool) -> None:
        """Check parameters and values of distributions made from now on (True), or do not (False)."""
        if value not in (True, False):
            raise ArgumentError(f"set_default_validate_args takes True or False, not {value!r}")
        Distribution._validate_args = value

    def _check_parameters(self) -> None:
        if self.arg_constraints is Distribution.arg_constraints:
            warnings.warn(
                f"{type(self)} does not define `arg_constraints`, so that its parameters are not checked. Set "
                "`arg_constraints = {}`, or pass validate_args=False, if none are meant to be.",
                UserWarning,
                stacklevel=3,
            )
        for name, constraint in self.arg_constraints.items():
            if constraints.is_dependent(constraint) or (name not in self.__dict__ and _is_lazy(type(self), name)):
                continue
            given = getattr(self, name)
            raw = known(given)
            if raw is None:
                continue
            value = wrap(raw)
            if not bool(constraint.check(value).all()):
                raise ArgumentError(
                    f"Expected parameter {name} ({type(given).__name__} of shape {tuple(raw_shape(given))}) of "
                    f"distribution {self!r} to satisfy the constraint {constraint!r}, but found invalid values:\n"
                    f"{given}"
                )

    @property
    def batch_shape(self) -> Size:
        """Shape of the independent distributions."""
        return self._batch_shape

    @property
    def event_shape(self) -> Size:
        """Shape of one draw from one of them."""
        return self._event_shape

    @property
    def support(self) -> Any:
        """The set of possible values, as a constraint."""
        raise NotImplementedError

    @property
    def mean(self) -> Tensor:
        """Expected value, of shape batch_shape + event_shape."""
        raise NotImplementedError

    @property
    def mode(self) -> Tensor:
        """Most likely value."""
        raise NotImplementedError(f"{type(self)} does not implement mode")

    @property
    def variance(self) -> Tensor:
        """Variance of each element."""
        raise NotImplementedError

    @property
    def stddev(self) -> Tensor:
        """Square root of the variance."""
        return self.variance.sqrt()

    def expand(self, batch_shape: Any, _instance: Any = None) -> Any:
        """The same distribution with parameters expanded to `batch_shape`."""
        batch_shape = Size(batch_shape)
        new = self._copy()
        for name, constraint in self.arg_constraints.items():
            value = self.__dict__.get(name)
            if isinstance(value, Tensor):
                event = 0 if constraints.is_dependent(constraint) else constraint.event_dim
                new.__dict__[name] = value.expand(*batch_shape, *value.shape[value.dim() - event :])
        new._batch_shape = batch_shape
        return new

    def _same_class(self, made: Any) -> Any:
        """`made` as an instance of the caller's own subclass, with the checks that this distribution has."""
        made.__class__, made._validate_args = type(self), self._validate_args
        return made

    def _copy(self) -> Any:
        new = object.__new__(type(self))
        new.__dict__.update(self.__dict__)
        return new

    def sample(self, sample_shape: Any = ()) -> Tensor:
        """Draws of shape sample_shape + batch_shape + event_shape, constants to gradients."""
        with no_grad():
            return self.rsample(sample_shape)

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        """Draws through which gradients reach the parameters."""
        raise NotImplementedError(f"{type(self).__name__} has no rsample: its draws are not differentiable; use sample")

    def sample_n(self, n: int) -> Tensor:
        """`n` draws; sample((n,))."""
        return self.sample(Size((n,)))

    def log_prob(self, value: Tensor) -> Tensor:
        """Logarithm of the density, or probability, at `value`."""
        raise NotImplementedError

    def cdf(self, value: Tensor) -> Tensor:
        """Probability of a draw that is at most `value`."""
        raise NotImplementedError

    def icdf(self, value: Tensor) -> Tensor:
        """The inverse of `cdf`."""
        raise NotImplementedError

    def enumerate_support(self, expand: bool = True) -> Tensor:
        """All possible values along a new first dimension, for discrete distributions."""
        raise NotImplementedError

    def entropy(self) -> Tensor:
        """-E log p, of shape batch_shape."""
        raise NotImplementedError

    def perplexity(self) -> Tensor:
        """exp(entropy)."""
        return self.entropy().exp()

    def _extended_shape(self, sample_shape: Any = ()) -> Size:
        return Size((*sample_shape, *self._batch_shape, *self._event_shape))

    def _validate_sample(self, value: Any) -> None:
        """Refuse a value of the wrong type, shape, or outside of the support."""
        if not isinstance(value, Tensor):
            raise ArgumentError(
                f"The value argument to log_prob must be a Tensor, not {type(value).__name__}; write tensor(value)"
            )
        event = len(self._event_shape)
        if raw_shape(value)[value.dim() - event :] != tuple(self._event_shape):
            raise ArgumentError(
                f"The right-most size of value must match event_shape: {value.shape} vs {self._event_shape}."
            )
        expected, actual = (*self._batch_shape, *self._event_shape), raw_shape(value)
        for i, j in zip(reversed(actual), reversed(expected), strict=False):
            if i != 1 and j != 1 and i != j:
                raise ArgumentError(
                    f"Value is not broadcastable with batch_shape+event_shape: {value.shape} vs {Size(expected)}."
                )
        try:
            support = self.support
        except NotImplementedError:
            warnings.warn(
                f"{type(self)} does not define `support`, so that values are not checked. Give it one, or pass "
                "validate_args=False.",
                UserWarning,
                stacklevel=3,
            )
            return
        if support is None or constraints.is_dependent(support):
            return
        if isinstance(value, Tracer) or known(value) is None or not _parameters_known(self):
            return
        with no_grad():
            inside = bool(support.check(value).all())
        if not inside:
            raise ArgumentError(
                f"Expected value argument ({type(value).__name__} of shape {tuple(raw_shape(value))}) to be within the "
                f"support ({support!r}) of the distribution {self!r}, but found invalid values:\n{value}"
            )

    def __repr__(self) -> str:
        names = [k for k in self.arg_constraints if k in self.__dict__]
        shown = []
        for name in names:
            value = self.__dict__[name]
            raw = known(value)
            shown.append(f"{name}: {value.item() if raw is not None and raw.size == 1 else value.size()}")
        return f"{type(self).__name__}({', '.join(shown)})"


def _is_lazy(cls: type, name: str) -> bool:
    return isinstance(getattr(cls, name, None), lazy_property)


def _parameters_known(d: Distribution) -> bool:
    """No parameter is a traced value: then values can be compared with bounds made of parameters."""
    return all(not isinstance(v, Tracer) and known(v) is not None for v in d.__dict__.values() if isinstance(v, Tensor))


class ExponentialFamily(Distribution):
    """A distribution whose density is exp(t(x) . theta - F(theta) + k(x)).

    >>> import chainrule as cr
    >>> isinstance(cr.distributions.Normal(0.0, 1.0), cr.distributions.ExponentialFamily)
    True
    """
