"""LeNet: layers and a flattening, a loss, gradients, and one step by hand and by an optimiser."""

import torch
import torch.nn as nn
import torch.nn.functional as F
import torch.optim as optim


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 6, 5)
        self.conv2 = nn.Conv2d(6, 16, 5)
        self.fc1 = nn.Linear(16 * 5 * 5, 120)
        self.fc2 = nn.Linear(120, 84)
        self.fc3 = nn.Linear(84, 10)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.conv1(x)), (2, 2))
        x = F.max_pool2d(F.relu(self.conv2(x)), 2)
        x = x.view(-1, self.num_flat_features(x))
        x = F.relu(self.fc1(x))
        x = F.relu(self.fc2(x))
        return self.fc3(x)

    def num_flat_features(self, x):
        size = x.size()[1:]
        num_features = 1
        for s in size:
            num_features *= s
        return num_features


net = Net()
for i, p in enumerate(net.parameters()):
    p.data = torch.sin(torch.arange(p.numel(), dtype=torch.float) * (i + 1)).view_as(p) * 0.1
print(net)
params = list(net.parameters())
print(len(params), params[0].size())
input = torch.cos(torch.arange(1024.0)).view(1, 1, 32, 32)
out = net(input)
print(out)
net.zero_grad()
out.backward(torch.ones(1, 10))
output = net(input)
target = torch.linspace(-1, 1, 10).view(1, -1)
criterion = nn.MSELoss()
loss = criterion(output, target)
print(loss.item())
net.zero_grad()
print("conv1.bias.grad before backward")
print(net.conv1.bias.grad)
loss.backward()
print("conv1.bias.grad after backward")
print(net.conv1.bias.grad)
learning_rate = 0.01
for f in net.parameters():
    f.data.sub_(f.grad.data * learning_rate)
optimizer = optim.SGD(net.parameters(), lr=0.01, momentum=0.9, nesterov=True, weight_decay=1e-4)
for step in range(4):
    optimizer.zero_grad()
    loss = criterion(net(input), target)
    loss.backward()
    optimizer.step()
    print(step, loss.item())
images = torch.sin(torch.arange(4 * 1024.0)).view(4, 1, 32, 32)
_, predicted = torch.max(net(images), 1)
print("Predicted: ", " ".join(f"{predicted[j]:5d}" for j in range(4)))
correct = (predicted == torch.tensor([1, 2, 3, 4])).sum().item()
print(f"Accuracy: {100 * correct // 4} %", sum(p.numel() for p in net.parameters() if p.requires_grad))
print(optimizer)
