"""S0: a Tensor that remembers its creators; the gradient of a reused value sums over its paths."""

from chainrule.articles.s0 import Tensor

a = Tensor(2)
b = a * 3
c = a + 2
d = b + 4
e = c * d
e.backward()
print("e =", e.data, "made by", e.creation_op, "of", e.creators)
for name, t in dict(e=e, d=d, c=c, b=b, a=a).items():
    print(f"de/d{name} = {t.grad}")

row = Tensor([2, 2, 3])
matrix = Tensor([[1, 2, 3], [2, 3, 4], [3, 4, 5]])
(row * matrix).backward()
print("broadcasting is undone:", row.grad, matrix.grad.tolist())
