"""An LSTM learns to continue sine waves it has not seen, feeding its own forecasts back."""

import math
import os

import chainrule as torch
from chainrule import nn

steps = 60 if os.environ.get("CHAINRULE_SMALL") else 400
torch.manual_seed(0)

length, ahead = 60, 20


def waves(n):
    """n sine waves of random phase and period, (n, length + ahead, 1)."""
    phase = torch.rand(n, 1) * 2 * math.pi
    period = 15 + 10 * torch.rand(n, 1)
    return torch.sin(2 * math.pi * torch.arange(length + ahead) / period + phase).unsqueeze(-1)


class Forecaster(nn.Module):
    def __init__(self, hidden=32):
        super().__init__()
        self.lstm = nn.LSTM(1, hidden, batch_first=True)
        self.out = nn.Linear(hidden, 1)

    def forward(self, x, state=None):
        h, state = self.lstm(x, state)
        return self.out(h), state

    @torch.no_grad()
    def forecast(self, x, n):
        y, state = self(x)
        found = [y[:, -1:]]
        for _ in range(n - 1):
            y, state = self(found[-1], state)
            found.append(y)
        return torch.cat(found, dim=1)


model = Forecaster()
loss_fn = nn.MSELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
for step in range(1, steps + 1):
    series = waves(32)
    predicted, _ = model(series[:, :-1])
    loss = loss_fn(predicted[:, 10:], series[:, 11:])
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % (steps // 5) == 0:
        print(f"step {step:4d}   error of the next value {loss.item():.5f}")

new = waves(200)
seen, future = new[:, :length], new[:, length:]
error = loss_fn(model.forecast(seen, ahead), future).item()
naive = loss_fn(seen[:, -1:].expand(-1, ahead, -1), future).item()
print(f"{ahead} steps ahead on new waves: error {error:.4f}; repeating the last value: {naive:.4f}")
assert error < naive / 2, "the forecast should beat repeating the last value"
