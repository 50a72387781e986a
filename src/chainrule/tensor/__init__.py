"""The eager Tensor: its methods, creation, autograd's public face, writes in place, printing."""
