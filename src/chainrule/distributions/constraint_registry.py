"""From unconstrained numbers into a constraint's set. (PyTorch's torch.distributions.constraint_registry.)"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from . import constraints as c
from . import event_transforms as e
from . import matrix_transforms as m
from . import scalar_transforms as t

__all__ = ["biject_to", "transform_to"]


class ConstraintRegistry:
    """A function of a constraint that gives a transform from the real numbers onto its set."""

    def __init__(self) -> None:
        self._makers: dict[type, Callable] = {}

    def register(self, constraint: Any, factory: Callable | None = None) -> Any:
        """Use `factory(constraint)` for this class of constraints; without `factory`, a decorator."""
        if factory is None:
            return lambda factory: self.register(constraint, factory)
        self._makers[constraint if isinstance(constraint, type) else type(constraint)] = factory
        return factory

    def __call__(self, constraint: Any) -> t.Transform:
        """A transform whose values satisfy `constraint`."""
        found = self._makers.get(type(constraint))
        if found is None:
            raise NotImplementedError(f"Cannot transform {type(constraint).__name__} constraints")
        return found(constraint)


biject_to, transform_to = ConstraintRegistry(), ConstraintRegistry()


def _interval(found: Any) -> t.Transform:
    low, high = found.lower_bound, found.upper_bound
    if isinstance(low, (int, float)) and isinstance(high, (int, float)) and (low, high) == (0, 1):
        return t.SigmoidTransform()
    return t.ComposeTransform([t.SigmoidTransform(), t.AffineTransform(low, high - low)])


def _above(found: Any) -> t.Transform:
    if isinstance(found.lower_bound, (int, float)) and found.lower_bound == 0:
        return t.ExpTransform()
    return t.ComposeTransform([t.ExpTransform(), t.AffineTransform(found.lower_bound, 1)])


def _below(found: Any) -> t.Transform:
    return t.ComposeTransform([t.ExpTransform(), t.AffineTransform(found.upper_bound, -1)])


for _registry in (biject_to, transform_to):
    _registry.register(c.real, lambda found: t.identity_transform)
    _registry.register(c.greater_than, _above)
    _registry.register(c.greater_than_eq, _above)
    _registry.register(c.less_than, _below)
    _registry.register(c.interval, _interval)
    _registry.register(c.half_open_interval, _interval)
    _registry.register(
        c.independent,
        lambda found, to=_registry: e.IndependentTransform(to(found.base_constraint), found.reinterpreted_batch_ndims),
    )
biject_to.register(c.simplex, lambda found: e.StickBreakingTransform())
transform_to.register(c.simplex, lambda found: e.SoftmaxTransform())
for _registry in (biject_to, transform_to):
    _registry.register(c.corr_cholesky, lambda found: m.CorrCholeskyTransform())
    _registry.register(
        c.cat,
        lambda found, to=_registry: e.CatTransform([to(part) for part in found.cseq], found.dim, found.lengths),
    )
    _registry.register(
        c.stack, lambda found, to=_registry: e.StackTransform([to(part) for part in found.cseq], found.dim)
    )
transform_to.register(c.lower_cholesky, lambda found: e.LowerCholeskyTransform())
transform_to.register(c.positive_definite, lambda found: m.PositiveDefiniteTransform())
transform_to.register(c.positive_semidefinite, lambda found: m.PositiveDefiniteTransform())
