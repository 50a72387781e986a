"""A PINN for Burgers' equation, Gram losses of style transfer, images as parameters, saliency and an FGSM attack."""

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
import torch.optim as optim

rng = np.random.default_rng(0)
torch.set_default_dtype(torch.float64)


class PINN(nn.Module):
    def __init__(self, layers):
        super().__init__()
        self.linears = nn.ModuleList([nn.Linear(a, b) for a, b in zip(layers[:-1], layers[1:])])
        self.activation = nn.Tanh()
        self.lambda_1 = nn.Parameter(torch.tensor([0.8]), requires_grad=True)
        for m in self.linears:
            nn.init.zeros_(m.bias)
            m.weight.data = torch.from_numpy(rng.normal(0, np.sqrt(2 / sum(m.weight.shape)), m.weight.shape))

    def forward(self, x, t):
        a = torch.cat([x, t], dim=1)
        for m in self.linears[:-1]:
            a = self.activation(m(a))
        return self.linears[-1](a)


def residual(net, x, t, nu=0.01 / np.pi):
    u = net(x, t)
    u_t = torch.autograd.grad(u, t, grad_outputs=torch.ones_like(u), retain_graph=True, create_graph=True)[0]
    u_x = torch.autograd.grad(u, x, torch.ones_like(u), retain_graph=True, create_graph=True)[0]
    u_xx = torch.autograd.grad(u_x, x, torch.ones_like(u_x), create_graph=True)[0]
    return u_t + net.lambda_1 * u * u_x - nu * u_xx


net = PINN([2, 8, 8, 1])
print(net)
x_f = torch.tensor(rng.uniform(-1, 1, (20, 1)), requires_grad=True)
t_f = torch.tensor(rng.uniform(0, 1, (20, 1)), requires_grad=True)
x_0 = torch.linspace(-1, 1, 11).reshape(-1, 1)
u_0 = -torch.sin(np.pi * x_0)
optimizer = optim.Adam(net.parameters(), lr=1e-2)
for it in range(10):
    optimizer.zero_grad()
    loss_u = torch.mean((net(x_0, torch.zeros_like(x_0)) - u_0) ** 2)
    loss_f = torch.mean(residual(net, x_f, t_f) ** 2)
    loss = loss_u + loss_f
    loss.backward()
    optimizer.step()
    if it % 3 == 0:
        print("It: %d, Loss: %.5e, Loss_f: %.5e, lambda: %.5f" % (it, loss.item(), loss_f.item(), net.lambda_1.item()))
lbfgs = optim.LBFGS(
    net.parameters(), max_iter=8, tolerance_change=1.0 * np.finfo(float).eps, line_search_fn="strong_wolfe"
)


def closure():
    lbfgs.zero_grad()
    loss = F.mse_loss(net(x_0, torch.zeros_like(x_0)), u_0) + residual(net, x_f, t_f).pow(2).mean()
    loss.backward()
    return loss


lbfgs.step(closure)
print(closure().item())

cnn = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(4, 6, 3, padding=1), nn.ReLU())
for p in cnn.parameters():
    p.data = torch.from_numpy(rng.normal(0, 0.3, p.shape))
cnn.eval().requires_grad_(False)
style_img, content_img = torch.from_numpy(rng.random((1, 3, 8, 8))), torch.from_numpy(rng.random((1, 3, 8, 8)))


class Normalization(nn.Module):
    def __init__(self, mean, std):
        super().__init__()
        self.mean = torch.tensor(mean).view(-1, 1, 1)
        self.std = torch.tensor(std).view(-1, 1, 1)

    def forward(self, img):
        return (img - self.mean) / self.std


def gram_matrix(input):
    a, b, c, d = input.size()
    features = input.view(a * b, c * d)
    G = torch.mm(features, features.t())
    return G.div(a * b * c * d)


class StyleLoss(nn.Module):
    def __init__(self, target_feature):
        super().__init__()
        self.target = gram_matrix(target_feature).detach()

    def forward(self, input):
        self.loss = F.mse_loss(gram_matrix(input), self.target)
        return input


class ContentLoss(nn.Module):
    def __init__(self, target):
        super().__init__()
        self.target = target.detach()

    def forward(self, input):
        self.loss = F.mse_loss(input, self.target)
        return input


model, style_losses, content_losses = nn.Sequential(Normalization([0.48, 0.45, 0.4], [0.22, 0.22, 0.22])), [], []
i = 0
for layer in cnn.children():
    if isinstance(layer, nn.Conv2d):
        i += 1
        name = f"conv_{i}"
    elif isinstance(layer, nn.ReLU):
        name, layer = f"relu_{i}", nn.ReLU(inplace=False)
    else:
        name = f"pool_{i}"
    model.add_module(name, layer)
    if name.startswith("conv"):
        style_losses.append(StyleLoss(model(style_img)))
        model.add_module(f"style_loss_{i}", style_losses[-1])
        content_losses.append(ContentLoss(model(content_img)))
        model.add_module(f"content_loss_{i}", content_losses[-1])
print(model)
input_img = content_img.clone()
input_img.requires_grad_(True)
optimizer = optim.LBFGS([input_img])
run = [0]
while run[0] <= 25:

    def closure():
        with torch.no_grad():
            input_img.clamp_(0, 1)
        optimizer.zero_grad()
        model(input_img)
        style_score = content_score = 0
        for sl in style_losses:
            style_score += sl.loss
        for cl in content_losses:
            content_score += cl.loss
        style_score *= 1000
        loss = style_score + content_score
        loss.backward()
        run[0] += 1
        if run[0] % 10 == 0:
            print(f"run {run}: Style Loss : {style_score.item():4f} Content Loss: {content_score.item():4f}")
        return style_score + content_score

    optimizer.step(closure)
with torch.no_grad():
    input_img.clamp_(0, 1)

classifier = nn.Sequential(cnn, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(6, 3))
classifier[3].weight.data = torch.from_numpy(rng.normal(size=(3, 6)))
classifier[3].bias.data.zero_()
data, target = content_img.clone(), torch.tensor([1])
data.requires_grad = True
output = classifier(data)
loss = F.nll_loss(F.log_softmax(output, dim=1), target)
classifier.zero_grad()
loss.backward()
data_grad = data.grad.data
for epsilon in (0, 0.05, 0.2):
    perturbed = torch.clamp(data + epsilon * data_grad.sign(), 0, 1)
    out = classifier(perturbed)
    print(epsilon, F.cross_entropy(out, target).item(), out.max(1, keepdim=True)[1].item())
saliency, _ = torch.max(data.grad.abs(), dim=1)
print(saliency.shape, saliency.sum())
torch.set_default_dtype(torch.float32)
