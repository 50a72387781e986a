"""LSTM: log-likelihood of a sequence under a diagonal long short-term memory network."""

import chainrule as cr
from chainrule.func import grad


def _t(x):
    return cr.tensor(x, dtype=cr.float64)


def cell_step(weight, bias, hidden, cell, x):
    gates = cr.cat([x, hidden, x, hidden]) * weight + bias
    n = hidden.shape[0]
    forget, write, read = (1.0 / (1.0 + (-gates[i * n : (i + 1) * n]).exp()) for i in range(3))
    cell = cell * forget + write * gates[3 * n :].tanh()
    return read * cell.tanh(), cell


def objective(main, extra, state, sequence):
    state, total, count, x = list(state), 0.0, 0, sequence[0]
    for gold in sequence[1:]:
        x = x * extra[0]
        for i in range(0, len(state), 2):
            state[i], state[i + 1] = cell_step(main[i], main[i + 1], state[i], state[i + 1], x)
            x = state[i]
        guess = x * extra[1] + extra[2]
        total = total + (gold * (guess - (guess.exp().sum() + 2.0).log())).sum()
        count += gold.shape[0]
        x = gold
    return -total / count


def _arguments(d):
    return [_t(d[k]) for k in ("main_params", "extra_params", "state", "sequence")]


def jacobian(d):
    main, extra = grad(objective, (0, 1))(*_arguments(d))
    return [*main.reshape(-1).tolist(), *extra.reshape(-1).tolist()]


FUNCTIONS = {"lstm.objective": lambda d: objective(*_arguments(d)).item(), "lstm.jacobian": jacobian}
