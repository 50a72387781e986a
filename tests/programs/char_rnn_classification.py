"""Names to languages with a character-level RNN built from scratch, then with nn.RNN."""

import string
import unicodedata

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F

allowed = string.ascii_letters + " .,;'" + "_"
n_letters = len(allowed)
NAMES = {
    "Italian": ["Rossi", "Esposito", "Bianchi", "Ricci", "Marino"],
    "Irish": ["O'Neal", "Byrne", "Doyle", "Murphy", "Walsh"],
    "Polish": ["Ślusàrski", "Nowak", "Wójcik", "Kowal", "Mazur"],
}
all_categories = list(NAMES)


def unicode_to_ascii(s):
    return "".join(c for c in unicodedata.normalize("NFD", s) if unicodedata.category(c) != "Mn" and c in allowed)


print(unicode_to_ascii("Ślusàrski"))


def letter_to_index(letter):
    return allowed.find("_") if letter not in allowed else allowed.find(letter)


def line_to_tensor(line):
    tensor = torch.zeros(len(line), 1, n_letters)
    for li, letter in enumerate(line):
        tensor[li][0][letter_to_index(letter)] = 1
    return tensor


print(line_to_tensor("Jones").size(), line_to_tensor("J").argmax().item())


class RNN(nn.Module):
    def __init__(self, input_size, hidden_size, output_size):
        super().__init__()
        self.hidden_size = hidden_size
        self.i2h = nn.Linear(input_size, hidden_size)
        self.h2h = nn.Linear(hidden_size, hidden_size)
        self.h2o = nn.Linear(hidden_size, output_size)
        self.softmax = nn.LogSoftmax(dim=1)

    def forward(self, input, hidden):
        hidden = F.tanh(self.i2h(input) + self.h2h(hidden))
        output = self.softmax(self.h2o(hidden))
        return output, hidden

    def init_hidden(self):
        return torch.zeros(1, self.hidden_size)


class CharRNN(nn.Module):
    def __init__(self, input_size, hidden_size, output_size):
        super().__init__()
        self.rnn = nn.RNN(input_size, hidden_size)
        self.h2o = nn.Linear(hidden_size, output_size)
        self.softmax = nn.LogSoftmax(dim=1)

    def forward(self, line_tensor):
        _rnn_out, hidden = self.rnn(line_tensor)
        return self.softmax(self.h2o(hidden[0]))


def seeded(model):
    rng = np.random.RandomState(1)
    with torch.no_grad():
        for p in model.parameters():
            p.copy_(torch.tensor(rng.uniform(-0.2, 0.2, p.shape)))
    return model


def category_from_output(output):
    _top_n, top_i = output.topk(1)
    return all_categories[top_i[0].item()], top_i[0].item()


rnn = seeded(RNN(n_letters, 16, len(all_categories)))
print(rnn)
criterion = nn.NLLLoss()
learning_rate = 0.05
output, hidden = rnn(line_to_tensor("A")[0], rnn.init_hidden())
print(output, category_from_output(output))


def train(category_tensor, line_tensor):
    hidden = rnn.init_hidden()
    rnn.zero_grad()
    for i in range(line_tensor.size()[0]):
        output, hidden = rnn(line_tensor[i], hidden)
    loss = criterion(output, category_tensor)
    loss.backward()
    for p in rnn.parameters():
        p.data.add_(p.grad.data, alpha=-learning_rate)
    return output, loss.item()


for step in range(6):
    total = 0
    for c, names in NAMES.items():
        for name in names:
            category_tensor = torch.tensor([all_categories.index(c)], dtype=torch.long)
            output, loss = train(category_tensor, line_to_tensor(unicode_to_ascii(name)))
            total += loss
    print("%d %.4f %s" % (step, total / 15, category_from_output(output)))

model = seeded(CharRNN(n_letters, 16, len(all_categories)))
print(model)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
everything = [(line_to_tensor(unicode_to_ascii(n)), i) for i, c in enumerate(all_categories) for n in NAMES[c]]
for epoch in range(6):
    model.train()
    current = 0
    for start in range(0, len(everything), 4):
        batch_loss = 0
        for text, label in everything[start : start + 4]:
            batch_loss += criterion(model(text), torch.tensor([label]))
        batch_loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 3)
        optimizer.step()
        optimizer.zero_grad()
        current += batch_loss.item() / 4
    print(f"{epoch}: average batch loss = {current}")
confusion = torch.zeros(3, 3)
model.eval()
with torch.no_grad():
    for text, label in everything:
        confusion[label][category_from_output(model(text))[1]] += 1
for i in range(3):
    denominator = confusion[i].sum()
    if denominator > 0:
        confusion[i] = confusion[i] / denominator
print(confusion.cpu().numpy())
