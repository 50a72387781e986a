"""PyTorch's torch.random: the generator, its seed and its state."""

from .ops.generators import Generator, default_generator
from .tensor.random import fork_rng, get_rng_state, initial_seed, manual_seed, seed, set_rng_state

__all__ = [
    "Generator",
    "default_generator",
    "fork_rng",
    "get_rng_state",
    "initial_seed",
    "manual_seed",
    "seed",
    "set_rng_state",
]
