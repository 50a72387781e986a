"""Saving and loading: safetensors, and PyTorch's format without PyTorch; no code is run from a file.

errors    the one class of errors
plain     what plain data is
placing   memory that tensors share
names     element types in files
tree, safetensors_file                       nested data as JSON; safetensors files
pickle_writer, pickle_reader, torch_archive  PyTorch's files
legacy    PyTorch's files before version 1.6
files     save and load
"""

from .errors import SerializationError
from .files import load, save, write_atomically

__all__ = ["SerializationError", "load", "save", "write_atomically"]
