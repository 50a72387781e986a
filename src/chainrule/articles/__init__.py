"""Four tutorials' own names for automatic differentiation, as thin layers over chainrule's one engine.

s0  a Tensor that knows its creators        s2  a scalar Value, after micrograd
s3  matrix calculus, after MatrixFlow       s4  Op, Node and Executor, eager and lazy

Each wrapper holds a chainrule tensor and remembers its operands; values and derivatives are the engine's.
"""
