"""Extending autograd: Legendre polynomial, double backward, several outputs, NumPy and SciPy inside, func support."""

import math

import numpy as np
import torch
from torch.autograd import Function, gradcheck, gradgradcheck
from torch.autograd.function import once_differentiable

rng = np.random.default_rng(0)


class LegendrePolynomial3(torch.autograd.Function):
    @staticmethod
    def forward(ctx, input):
        ctx.save_for_backward(input)
        return 0.5 * (5 * input**3 - 3 * input)

    @staticmethod
    def backward(ctx, grad_output):
        (input,) = ctx.saved_tensors
        return grad_output * 1.5 * (5 * input**2 - 1)


dtype = torch.float
device = torch.device("cpu")
x = torch.linspace(-math.pi, math.pi, 200, device=device, dtype=dtype)
y = torch.sin(x)
a = torch.full((), 0.0, device=device, dtype=dtype, requires_grad=True)
b = torch.full((), -1.0, device=device, dtype=dtype, requires_grad=True)
c = torch.full((), 0.0, device=device, dtype=dtype, requires_grad=True)
d = torch.full((), 0.3, device=device, dtype=dtype, requires_grad=True)
learning_rate = 5e-5
for t in range(300):
    P3 = LegendrePolynomial3.apply
    y_pred = a + b * P3(c + d * x)
    loss = (y_pred - y).pow(2).sum()
    if t % 100 == 99:
        print(t, loss.item())
    loss.backward()
    with torch.no_grad():
        a -= learning_rate * a.grad
        b -= learning_rate * b.grad
        c -= learning_rate * c.grad
        d -= learning_rate * d.grad
        a.grad = None
        b.grad = None
        c.grad = None
        d.grad = None
print(f"Result: y = {a.item():.4f} + {b.item():.4f} * P3({c.item():.4f} + {d.item():.4f} x)")


class LinearFunction(Function):
    @staticmethod
    def forward(input, weight, bias):
        output = input.mm(weight.t())
        if bias is not None:
            output += bias.unsqueeze(0).expand_as(output)
        return output

    @staticmethod
    def setup_context(ctx, inputs, output):
        input, weight, bias = inputs
        ctx.save_for_backward(input, weight, bias)

    @staticmethod
    def backward(ctx, grad_output):
        input, weight, bias = ctx.saved_tensors
        grad_input = grad_weight = grad_bias = None
        if ctx.needs_input_grad[0]:
            grad_input = grad_output.mm(weight)
        if ctx.needs_input_grad[1]:
            grad_weight = grad_output.t().mm(input)
        if bias is not None and ctx.needs_input_grad[2]:
            grad_bias = grad_output.sum(0)
        return grad_input, grad_weight, grad_bias


linear = LinearFunction.apply
arguments = [torch.from_numpy(rng.normal(size=s)).requires_grad_() for s in ((5, 4), (3, 4), (3,))]
print(gradcheck(linear, arguments, eps=1e-6, atol=1e-4), gradgradcheck(linear, arguments))
print(linear(*arguments).sum().grad_fn.name(), linear(arguments[0], arguments[1], None).grad_fn.name())


class MulConstant(Function):
    @staticmethod
    def forward(ctx, tensor, constant):
        ctx.set_materialize_grads(False)
        ctx.constant = constant
        return tensor * constant

    @staticmethod
    def backward(ctx, grad_output):
        if grad_output is None:
            return None, None
        return grad_output * ctx.constant, None


w = torch.ones(2, requires_grad=True)
MulConstant.apply(w, 2.5).sum().backward()
print(w.grad)


class Cube(Function):
    @staticmethod
    def forward(ctx, x):
        result = x**3
        dx = 3 * x**2
        ctx.save_for_backward(x, dx)
        return result, dx

    @staticmethod
    def backward(ctx, grad_output, grad_dx):
        x, dx = ctx.saved_tensors
        return grad_output * dx + grad_dx * 6 * x


class Sinh(Function):
    @staticmethod
    def forward(ctx, x):
        expx, expnegx = torch.exp(x), torch.exp(-x)
        ctx.save_for_backward(expx, expnegx)
        return (expx - expnegx) / 2, expx, expnegx

    @staticmethod
    def backward(ctx, grad_out, _grad_out_exp, _grad_out_negexp):
        expx, expnegx = ctx.saved_tensors
        grad_input = grad_out * (expx + expnegx) / 2
        grad_input += _grad_out_exp * expx
        grad_input -= _grad_out_negexp * expnegx
        return grad_input


x = torch.from_numpy(rng.normal(size=(4,))).requires_grad_()
print(gradcheck(Sinh.apply, x), gradgradcheck(lambda t: Sinh.apply(t)[0], x), gradcheck(Cube.apply, x))
(g,) = torch.autograd.grad(Cube.apply(x)[0].sum(), x, create_graph=True)
(gg,) = torch.autograd.grad(g.sum(), x)
print(torch.allclose(gg, 6 * x), gg)


class SciPyLike(Function):
    @staticmethod
    def forward(ctx, x):
        data = x.detach().numpy()
        ctx.mark_non_differentiable(order := torch.from_numpy(np.argsort(data)))
        ctx.order = order
        return torch.from_numpy(np.sort(data)), order

    @staticmethod
    @once_differentiable
    def backward(ctx, g, _):
        out = torch.zeros_like(g)
        out[ctx.order] = g
        return out


s, order = SciPyLike.apply(x)
(s * torch.arange(4.0)).sum().backward()
print(x.grad, order, order.requires_grad, s.grad_fn.name())


class Step(Function):
    """A straight-through estimator."""

    @staticmethod
    def forward(ctx, i):
        return (i > 0).float()

    @staticmethod
    def backward(ctx, g):
        return torch.clamp(g, -1, 1)


v = torch.tensor([-1.0, 2.0], requires_grad=True)
(Step.apply(v) * torch.tensor([3.0, 0.5])).sum().backward()
print(v.grad)


class MyExp(Function):
    generate_vmap_rule = True

    @staticmethod
    def forward(x):
        return x.exp()

    @staticmethod
    def setup_context(ctx, inputs, output):
        ctx.save_for_backward(output)
        ctx.save_for_forward(output)

    @staticmethod
    def backward(ctx, g):
        return g * ctx.saved_tensors[0]

    @staticmethod
    def jvp(ctx, t):
        return t * ctx.saved_tensors[0]


z = torch.tensor([0.1, 0.2])
print(torch.func.grad(lambda z: MyExp.apply(z).sum())(z), torch.func.vmap(torch.func.grad(lambda z: MyExp.apply(z)))(z))
print(torch.func.jvp(MyExp.apply, (z,), (torch.ones(2),))[1], torch.func.hessian(lambda z: MyExp.apply(z).sum())(z))


class AddInPlace(Function):
    @staticmethod
    def forward(ctx, x, amount):
        x.add_(amount)
        ctx.mark_dirty(x)
        return x

    @staticmethod
    def backward(ctx, g):
        return g, None


base = torch.ones(3, requires_grad=True)
h = base * 2
out = AddInPlace.apply(h, 1.0)
print(out is h, out, h.grad_fn.name())
out.prod().backward()
print(base.grad)


class Bad(Function):
    @staticmethod
    def forward(ctx, x):
        return x * 2

    @staticmethod
    def backward(ctx, g):
        return g, g


try:
    Bad.apply(torch.ones(2, requires_grad=True)).sum().backward()
except RuntimeError as e:
    print(str(e)[:80])
