"""torch.nn.utils.stateless: another path to func.functional_call."""

from ...transforms.modules import functional_call

__all__ = ["functional_call"]
