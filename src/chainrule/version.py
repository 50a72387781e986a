"""torch.version: the version of this package, and of the devices' software that it was built without."""

from . import __version__

cuda = hip = xpu = None
debug = False

__all__ = ["__version__", "cuda", "debug", "hip", "xpu"]
