"""Packed BiLSTM sentiment, a GRUCell loop, LSTM on a sine wave, CTC, and stateful recurrent details."""

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.nn.utils.rnn import pack_padded_sequence, pack_sequence, pad_packed_sequence, pad_sequence, unpad_sequence

rng = np.random.default_rng(0)


def refill(model, scale=0.3):
    for p in model.parameters():
        p.data.copy_(torch.from_numpy(rng.normal(0, scale, p.shape)))
    return model


class LSTMClassifier(nn.Module):
    def __init__(self, vocab, emb, hidden, out, n_layers=2, bidirectional=True, dropout=0.0):
        super().__init__()
        self.embedding = nn.Embedding(vocab, emb, padding_idx=0)
        self.rnn = nn.LSTM(
            emb, hidden, num_layers=n_layers, bidirectional=bidirectional, dropout=dropout, batch_first=True
        )
        self.fc = nn.Linear(hidden * 2, out)
        self.dropout = nn.Dropout(dropout)

    def forward(self, text, text_lengths):
        embedded = self.dropout(self.embedding(text))
        packed = pack_padded_sequence(embedded, text_lengths.cpu(), batch_first=True, enforce_sorted=False)
        packed_output, (hidden, cell) = self.rnn(packed)
        output, lengths = pad_packed_sequence(packed_output, batch_first=True)
        hidden = self.dropout(torch.cat((hidden[-2, :, :], hidden[-1, :, :]), dim=1))
        return self.fc(hidden).squeeze(1), output


texts = [torch.from_numpy(rng.integers(1, 12, n)) for n in (4, 7, 2, 5)]
lengths = torch.tensor([len(t) for t in texts])
batch = pad_sequence(texts, batch_first=True)
labels = torch.tensor([1.0, 0.0, 1.0, 0.0])
model = refill(LSTMClassifier(12, 5, 6, 1))
print(model, sum(p.numel() for p in model.parameters()))
print([n for n, _ in model.rnn.named_parameters()][:9])
optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
criterion = nn.BCEWithLogitsLoss()
for epoch in range(4):
    optimizer.zero_grad()
    predictions, output = model(batch, lengths)
    loss = criterion(predictions, labels)
    acc = (torch.round(torch.sigmoid(predictions)) == labels).float().mean()
    loss.backward()
    optimizer.step()
    print(f"Epoch: {epoch + 1:02} | Loss: {loss.item():.3f} | Acc: {acc * 100:.2f}%")
print(output.shape, [tuple(u.shape) for u in unpad_sequence(output, lengths, batch_first=True)])
ps = pack_sequence([torch.arange(3.0), torch.arange(2.0), torch.arange(1.0)])
print(ps)
print(ps.data, ps.batch_sizes, ps.sorted_indices)
print(pack_padded_sequence(batch.float(), lengths, batch_first=True, enforce_sorted=False).unsorted_indices)


class Sequence(nn.Module):
    def __init__(self):
        super().__init__()
        self.lstm1 = nn.LSTMCell(1, 8)
        self.lstm2 = nn.LSTMCell(8, 8)
        self.linear = nn.Linear(8, 1)

    def forward(self, input, future=0):
        outputs = []
        h_t = torch.zeros(input.size(0), 8, dtype=torch.double)
        c_t = torch.zeros(input.size(0), 8, dtype=torch.double)
        h_t2 = torch.zeros(input.size(0), 8, dtype=torch.double)
        c_t2 = torch.zeros(input.size(0), 8, dtype=torch.double)
        for input_t in input.split(1, dim=1):
            h_t, c_t = self.lstm1(input_t, (h_t, c_t))
            h_t2, c_t2 = self.lstm2(h_t, (h_t2, c_t2))
            output = self.linear(h_t2)
            outputs += [output]
        for _ in range(future):
            h_t, c_t = self.lstm1(output, (h_t, c_t))
            h_t2, c_t2 = self.lstm2(h_t, (h_t2, c_t2))
            output = self.linear(h_t2)
            outputs += [output]
        return torch.cat(outputs, dim=1)


T, L, N = 6, 25, 5
x = np.empty((N, L), "int64")
x[:] = np.array(range(L)) + np.arange(N).reshape(N, 1) * 3
data = np.sin(x / 1.0 / T).astype("float64")
input, target = torch.from_numpy(data[2:, :-1]), torch.from_numpy(data[2:, 1:])
test_input = torch.from_numpy(data[:2, :-1])
seq = refill(Sequence().double())
criterion = nn.MSELoss()
optimizer = torch.optim.LBFGS(seq.parameters(), lr=0.8, max_iter=5)
for i in range(2):
    print("STEP: ", i)

    def closure():
        optimizer.zero_grad()
        out = seq(input)
        loss = criterion(out, target)
        print("loss:", loss.item())
        loss.backward()
        return loss

    optimizer.step(closure)
    with torch.no_grad():
        pred = seq(test_input, future=5)
        print("test loss:", criterion(pred[:, :-5], torch.from_numpy(data[:2, 1:])).item(), pred.shape)

T, N, C, S = 12, 2, 5, 4
logits = torch.from_numpy(rng.normal(size=(T, N, C))).float().requires_grad_()
log_probs = logits.log_softmax(2)
targets = torch.from_numpy(rng.integers(1, C, (N, S)))
input_lengths, target_lengths = torch.tensor([12, 10]), torch.tensor([4, 2])
loss = F.ctc_loss(log_probs, targets, input_lengths, target_lengths)
loss.backward()
print(loss, logits.grad[0, 0], logits.grad[11, 1])
log_probs = log_probs.detach()
ctc = nn.CTCLoss(blank=0, reduction="none", zero_infinity=True)
print(ctc(log_probs, torch.cat([targets[0, :4], targets[1, :2]]), input_lengths, target_lengths))
best = log_probs.argmax(2).t()
print([torch.unique_consecutive(b)[torch.unique_consecutive(b) != 0].tolist() for b in best])

gru = refill(nn.GRU(3, 4, 2, batch_first=True))
cells = [nn.GRUCell(3, 4), nn.GRUCell(4, 4)]
for i, cell in enumerate(cells):
    cell.load_state_dict({k: getattr(gru, f"{k}_l{i}").data for k in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")})
xs = torch.from_numpy(rng.normal(size=(2, 5, 3))).float()
hs = [torch.zeros(2, 4) for _ in cells]
for t in range(5):
    hs[0] = cells[0](xs[:, t], hs[0])
    hs[1] = cells[1](hs[0], hs[1])
out, h = gru(xs)
print(torch.allclose(h[1], hs[1], atol=1e-6), torch.allclose(out[:, -1], hs[1], atol=1e-6), h[0])
proj = refill(nn.LSTM(3, 5, proj_size=2, bidirectional=True))
out, (h, c) = proj(xs.transpose(0, 1))
print(out.shape, h.shape, c.shape, out.sum(), proj)
rnn = refill(nn.RNN(3, 4, nonlinearity="relu", bias=False))
hidden = None
for chunk in xs.transpose(0, 1).split(2):
    out, hidden = rnn(chunk, hidden)
    hidden = hidden.detach()
print(hidden, rnn(xs[0])[0].shape)
gru.flatten_parameters()
for name, param in proj.named_parameters():
    if "bias" in name:
        nn.init.constant_(param, 0.0)
        n = param.size(0)
        param.data[n // 4 : n // 2].fill_(1.0)
    elif "weight_hh" in name:
        nn.init.orthogonal_(param)
print(proj.bias_ih_l0, torch.allclose(proj.weight_hh_l0.T @ proj.weight_hh_l0, torch.eye(2), atol=1e-5))
