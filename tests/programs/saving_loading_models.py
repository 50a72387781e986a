"""Saving and loading: state dicts, whole checkpoints, parts of a model, another model's weights."""

import os

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
import torch.optim as optim

rng = np.random.default_rng(0)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 4, 3)
        self.pool = nn.MaxPool2d(2, 2)
        self.bn = nn.BatchNorm2d(4)
        self.fc1 = nn.Linear(4 * 3 * 3, 8)
        self.fc2 = nn.Linear(8, 3)

    def forward(self, x):
        x = self.pool(F.relu(self.bn(self.conv1(x))))
        x = torch.flatten(x, 1)
        return self.fc2(F.relu(self.fc1(x)))


def initialise(model):
    for p in model.parameters():
        p.data = torch.from_numpy(0.3 * rng.normal(size=p.shape)).float()


model = Net()
initialise(model)
optimizer = optim.SGD(model.parameters(), lr=0.01, momentum=0.9)

print("Model's state_dict:")
for param_tensor in model.state_dict():
    print(param_tensor, "\t", model.state_dict()[param_tensor].size())
print("Optimizer's state_dict:")
for var_name in optimizer.state_dict():
    print(var_name, "\t", optimizer.state_dict()[var_name])

x = torch.from_numpy(rng.normal(size=(5, 1, 8, 8)).astype(np.float32))
y = torch.tensor([0, 1, 2, 1, 0])
criterion = nn.CrossEntropyLoss()
for _epoch in range(3):
    optimizer.zero_grad()
    loss = criterion(model(x), y)
    loss.backward()
    optimizer.step()
    print(loss.item())

PATH = "model.pt"
torch.save(model.state_dict(), PATH)
other = Net()
print(other.load_state_dict(torch.load(PATH, weights_only=True)))
model.eval()
other.eval()
print(torch.equal(model(x), other(x)), os.path.exists(PATH))
model.train()

torch.save(
    {
        "epoch": 3,
        "model_state_dict": model.state_dict(),
        "optimizer_state_dict": optimizer.state_dict(),
        "loss": loss,
        "history": [1.5, 2.5],
    },
    "checkpoint.tar",
)
checkpoint = torch.load("checkpoint.tar", weights_only=True, map_location=torch.device("cpu"))
print(sorted(checkpoint), checkpoint["epoch"], checkpoint["history"], checkpoint["loss"])
resumed = Net()
opt2 = optim.SGD(resumed.parameters(), lr=0.5)
resumed.load_state_dict(checkpoint["model_state_dict"])
opt2.load_state_dict(checkpoint["optimizer_state_dict"])
print(opt2)
for m, o in ((model, optimizer), (resumed, opt2)):
    o.zero_grad()
    criterion(m(x), y).backward()
    o.step()
    print(criterion(m(x), y).item(), m.bn.running_mean, m.bn.num_batches_tracked)


class Bigger(Net):
    def __init__(self):
        super().__init__()
        self.extra = nn.Linear(3, 2)


big = Bigger()
print(big.load_state_dict(torch.load(PATH), strict=False))
try:
    big.load_state_dict(torch.load(PATH))
except RuntimeError as e:
    print(e)
state = torch.load(PATH)
state["fc2.weight"] = torch.zeros(7, 8)
del state["fc1.bias"]
state["fc9.bias"] = torch.zeros(1)
try:
    Net().load_state_dict(state)
except RuntimeError as e:
    print(e)
meta = Net()
meta.load_state_dict(torch.load(PATH, mmap=True), assign=True)
print(torch.equal(meta.fc1.weight, torch.load(PATH)["fc1.weight"]), isinstance(meta.fc1.weight, nn.Parameter))
