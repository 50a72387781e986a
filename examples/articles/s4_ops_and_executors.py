"""S4: four ways to differentiate y = ln x1 + x1 x2 - sin x2, and the same graph eager and lazy."""

import math

import chainrule as cr
from chainrule.articles.s4 import Executor, forward, ln, numerical, placeholder, reverse, sin, variable


def f(x1, x2):
    return cr.log(x1) + x1 * x2 - cr.sin(x2)


def by_hand(x1, x2):
    return [1 / x1 + x2, x1 - math.cos(x2)]


print("by hand  ", by_hand(2.0, 5.0))
print("numerical", numerical(lambda x1, x2: math.log(x1) + x1 * x2 - math.sin(x2), 2.0, 5.0))
print("forward  ", forward(f, 2.0, 5.0))
print("reverse  ", reverse(f, 2.0, 5.0))

x1, x2 = variable(2.0, "x1"), variable(5.0, "x2")
y = ln(x1) + x1 * x2 - sin(x2)
print("eager: value", y.value, "gradients", Executor(y).gradients(x1, x2))

x1, x2 = placeholder("x1"), placeholder("x2")
y = ln(x1) + x1 * x2 - sin(x2)
run = Executor(y)
print("lazy, before:", y.value)
for point in ((2.0, 5.0), (1.0, 0.0)):
    print("lazy, at", point, "value", run({x1: point[0], x2: point[1]}), "gradients", run.gradients(x1, x2))
