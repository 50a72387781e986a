"""S2: a scalar Value with a label, its gradient and its predecessors."""

from chainrule.articles.s2 import Value

a, b, c, f = Value(2.0, "a"), Value(-3.0, "b"), Value(10.0, "c"), Value(-2.0, "f")
e = a * b
d = e + c
L = d * f
e.label, d.label, L.label = "e", "d", "L"
L.backward()
for v in reversed(L.ancestors()):
    made = f"{v.op} of {', '.join(p.label for p in v.prev)}" if v.op else "given"
    print(f"{v.label}: data {v.data:5.1f}, grad {v.grad:5.1f}, {made}")
