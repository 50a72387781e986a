"""A transformer that predicts the next character, trained on the text of the Zen of Python."""

import codecs
import contextlib
import io
import os

import chainrule as torch
import chainrule.nn.functional as F
from chainrule import nn

steps = 60 if os.environ.get("CHAINRULE_SMALL") else 600
torch.manual_seed(0)

with contextlib.redirect_stdout(io.StringIO()):
    import this
text = codecs.decode(this.s, "rot13")
letters = sorted(set(text))
number = {c: i for i, c in enumerate(letters)}
data = torch.tensor([number[c] for c in text])
context, width = 32, 48


class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.token = nn.Embedding(len(letters), width)
        self.place = nn.Embedding(context, width)
        layer = nn.TransformerEncoderLayer(width, nhead=4, dim_feedforward=128, dropout=0.0, batch_first=True)
        self.blocks = nn.TransformerEncoder(layer, num_layers=2)
        self.head = nn.Linear(width, len(letters))
        self.register_buffer("mask", nn.Transformer.generate_square_subsequent_mask(context))

    def forward(self, x):
        n = x.shape[1]
        h = self.token(x) + self.place(torch.arange(n))
        return self.head(self.blocks(h, mask=self.mask[:n, :n]))

    @torch.no_grad()
    def write(self, start, length):
        x = torch.tensor([[number[c] for c in start]])
        for _ in range(length):
            logits = self(x[:, -context:])[:, -1]
            x = torch.cat([x, torch.multinomial(F.softmax(logits / 0.5, dim=-1), 1)], dim=1)
        return "".join(letters[i] for i in x[0].tolist())


model = Model()
optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
first = None
for step in range(1, steps + 1):
    start = torch.randint(0, len(data) - context - 1, (16,))
    rows = start[:, None] + torch.arange(context + 1)
    batch = data[rows]
    logits = model(batch[:, :-1])
    loss = F.cross_entropy(logits.reshape(-1, len(letters)), batch[:, 1:].reshape(-1))
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    first = loss.item() if first is None else first
    if step % (steps // 6) == 0:
        print(f"step {step:4d}   loss {loss.item():.3f} nats a character")

print("\nWritten by the model:\n" + model.eval().write("Beautiful is ", 150))
assert loss.item() < first - 1, "the loss should fall by more than a nat"
