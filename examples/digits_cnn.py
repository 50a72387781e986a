"""A small convolutional network reads handwritten digits: the 1,797 images that scikit-learn carries, 8 by 8 pixels."""

import os

import numpy as np
from sklearn.datasets import load_digits

import chainrule as torch
import chainrule.nn.functional as F
from chainrule import nn
from chainrule.utils.data import DataLoader, TensorDataset

epochs = 4 if os.environ.get("CHAINRULE_SMALL") else 15
torch.manual_seed(0)

digits = load_digits()
order = np.random.default_rng(0).permutation(len(digits.images))
images = torch.from_numpy(digits.images[order]).float().unsqueeze(1) / 16
labels = torch.from_numpy(digits.target[order]).long()
train = DataLoader(TensorDataset(images[:1437], labels[:1437]), batch_size=32, shuffle=True)
test_images, test_labels = images[1437:], labels[1437:]


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 16, 3, padding=1)
        self.conv2 = nn.Conv2d(16, 32, 3, padding=1)
        self.fc = nn.Linear(32 * 2 * 2, 10)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.conv1(x)), 2)
        x = F.max_pool2d(F.relu(self.conv2(x)), 2)
        return self.fc(x.flatten(1))


model = Net()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)

for epoch in range(1, epochs + 1):
    model.train()
    total = 0.0
    for x, y in train:
        optimizer.zero_grad()
        loss = F.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
        total += loss.item() * len(x)
    model.eval()
    with torch.no_grad():
        right = (model(test_images).argmax(1) == test_labels).float().mean().item()
    print(f"epoch {epoch:2d}   training loss {total / 1437:.4f}   held-out accuracy {right:.2%}")

assert right > 0.9, "the network should have learned to read"
