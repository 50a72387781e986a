"""A character language model with GRU: truncated backpropagation, temperature, generation with top-k."""

import numpy as np
import torch
import torch.nn as nn

text = "the quick brown fox jumps over the lazy dog. " * 8
chars = sorted(set(text))
stoi = {c: i for i, c in enumerate(chars)}
data = torch.tensor([stoi[c] for c in text], dtype=torch.long)
print(len(chars), data.shape, data[:12], data.dtype)


class CharRNN(nn.Module):
    def __init__(self, input_size, hidden_size, output_size, model="gru", n_layers=1):
        super().__init__()
        self.model = model.lower()
        self.hidden_size, self.n_layers = hidden_size, n_layers
        self.encoder = nn.Embedding(input_size, hidden_size)
        if self.model == "gru":
            self.rnn = nn.GRU(hidden_size, hidden_size, n_layers, dropout=0.0)
        elif self.model == "lstm":
            self.rnn = nn.LSTM(hidden_size, hidden_size, n_layers)
        self.decoder = nn.Linear(hidden_size, output_size)

    def forward(self, input, hidden):
        batch_size = input.size(0)
        encoded = self.encoder(input)
        output, hidden = self.rnn(encoded.view(1, batch_size, -1), hidden)
        output = self.decoder(output.view(batch_size, -1))
        return output, hidden

    def init_hidden(self, batch_size):
        if self.model == "lstm":
            return (
                torch.zeros(self.n_layers, batch_size, self.hidden_size),
                torch.zeros(self.n_layers, batch_size, self.hidden_size),
            )
        return torch.zeros(self.n_layers, batch_size, self.hidden_size)


def detach(hidden):
    return tuple(h.detach() for h in hidden) if isinstance(hidden, tuple) else hidden.detach_()


def generate(model, prime="th", n=20, temperature=0.8):
    hidden = model.init_hidden(1)
    prime_input = torch.tensor([[stoi[c] for c in prime]])
    for p in range(len(prime) - 1):
        _, hidden = model(prime_input[:, p], hidden)
    inp, predicted = prime_input[:, -1], prime
    for _ in range(n):
        output, hidden = model(inp, hidden)
        dist = output.data.view(-1).div(temperature).exp()
        top = torch.topk(dist, 3)
        i = int(top.indices[0])
        predicted += chars[i]
        inp = torch.LongTensor([i])
    return predicted, (top.values / dist.sum()).tolist()


for kind, layers in (("gru", 1), ("lstm", 2)):
    rng = np.random.default_rng(3)
    model = CharRNN(len(chars), 24, len(chars), kind, layers)
    for p in model.parameters():
        nn.init.zeros_(p)
        p.data += torch.as_tensor(rng.normal(0, 0.25, tuple(p.shape)), dtype=torch.float32)
    print(model)
    print(sum(p.numel() for p in model.parameters() if p.requires_grad))
    opt = torch.optim.Adam(model.parameters(), lr=0.02)
    criterion = nn.CrossEntropyLoss()
    batch, chunk = 6, 8
    source = data[: 6 * 50].view(batch, -1)
    hidden = model.init_hidden(batch)
    for start in range(0, 32, chunk):
        hidden = detach(hidden)
        model.zero_grad()
        loss = torch.zeros(())
        for c in range(chunk):
            output, hidden = model(source[:, start + c], hidden)
            loss = loss + criterion(output.view(batch, -1), source[:, start + c + 1])
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        opt.step()
        print(kind, start, loss.item() / chunk, opt.param_groups[0]["lr"])
    print(generate(model))
