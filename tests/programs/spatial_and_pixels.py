"""A spatial transformer, sub-pixel super-resolution, patches by unfold, resampling, padding, and a conv autoencoder."""

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F

rng = np.random.default_rng(0)


def tensor(*shape, scale=1.0):
    return torch.from_numpy(rng.normal(0, scale, shape)).float()


def refill(model, scale=0.2):
    for p in model.parameters():
        p.data = tensor(*p.shape, scale=scale)
    return model


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 4, kernel_size=5)
        self.conv2_drop = nn.Dropout2d(p=0.0)
        self.fc1 = nn.Linear(4 * 6 * 6, 3)
        self.localization = nn.Sequential(
            nn.Conv2d(1, 3, kernel_size=5), nn.MaxPool2d(2, stride=2), nn.ReLU(True), nn.Conv2d(3, 2, 3), nn.ReLU(True)
        )
        self.fc_loc = nn.Sequential(nn.Linear(2 * 4 * 4, 8), nn.ReLU(True), nn.Linear(8, 3 * 2))

    def stn(self, x):
        xs = self.localization(x)
        xs = xs.view(-1, 2 * 4 * 4)
        theta = self.fc_loc(xs)
        theta = theta.view(-1, 2, 3)
        grid = F.affine_grid(theta, x.size(), align_corners=False)
        return F.grid_sample(x, grid, align_corners=False)

    def forward(self, x):
        x = self.stn(x)
        x = self.conv2_drop(F.relu(F.max_pool2d(self.conv1(x), 2)))
        return F.log_softmax(self.fc1(x.flatten(1)), dim=1)


model = refill(Net())
model.fc_loc[2].weight.data.zero_()
model.fc_loc[2].bias.data.copy_(torch.tensor([1, 0, 0, 0, 1, 0], dtype=torch.float))
images, labels = tensor(4, 1, 16, 16), torch.tensor([0, 1, 2, 1])
print(torch.allclose(model.stn(images), images, atol=1e-4))
optimizer = torch.optim.SGD(model.parameters(), lr=0.02)
for epoch in range(4):
    optimizer.zero_grad()
    loss = F.nll_loss(model(images), labels)
    loss.backward()
    optimizer.step()
    print("stn", loss.item(), model.fc_loc[2].bias.grad)
grid = torch.stack(torch.meshgrid(torch.linspace(-1.2, 1, 3), torch.linspace(-1, 1.2, 4), indexing="ij"), -1).flip(-1)[
    None
]
for mode in ("bilinear", "nearest", "bicubic"):
    for padding in ("zeros", "border", "reflection"):
        print(mode, padding, F.grid_sample(images[:1], grid, mode, padding, align_corners=True).sum())


class SuperResolution(nn.Module):
    def __init__(self, upscale_factor):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 8, (5, 5), (1, 1), (2, 2))
        self.conv2 = nn.Conv2d(8, upscale_factor**2, (3, 3), (1, 1), (1, 1), padding_mode="replicate")
        self.pixel_shuffle = nn.PixelShuffle(upscale_factor)
        nn.init.orthogonal_(self.conv1.weight, nn.init.calculate_gain("relu"))

    def forward(self, x):
        return self.pixel_shuffle(self.conv2(F.relu(self.conv1(x))))


sr = refill(SuperResolution(2))
low = F.interpolate(images, scale_factor=0.5, mode="bicubic", align_corners=False)
opt = torch.optim.Adam(sr.parameters(), lr=0.01)
for _ in range(3):
    mse = F.mse_loss(sr(low), images)
    opt.zero_grad()
    mse.backward()
    opt.step()
    print("sr", mse.item(), f"PSNR {10 * np.log10(1 / mse.item()):.4f}")
deep = tensor(1, 4, 2, 2)
print(sr, torch.equal(F.pixel_unshuffle(F.pixel_shuffle(deep, 2), 2), deep))

x = tensor(1, 2, 6, 6)
patches = x.unfold(2, 3, 3).unfold(3, 3, 3)
cols = F.unfold(x, kernel_size=3, stride=3)
print(patches.shape, cols.shape, torch.allclose(cols.view(2, 9, 4)[0, :, 0], patches[0, 0, 0, 0].flatten()))
print(torch.allclose(F.fold(cols, (6, 6), 3, stride=3), x), nn.Fold((6, 6), 3, stride=2)(tensor(1, 18, 4)).sum())
w = tensor(3, 2, 3, 3)
as_matmul = (w.view(3, -1) @ F.unfold(x, 3, padding=1)).view(1, 3, 6, 6)
print(torch.allclose(as_matmul, F.conv2d(x, w, padding=1), atol=1e-5))
for mode in ("constant", "reflect", "replicate", "circular"):
    print(mode, F.pad(x, (1, 2, 0, 1), mode=mode).sum())
for size, mode in (((9, 4), "nearest"), ((3, 3), "area"), ((8, 7), "bilinear"), ((8, 7), "nearest-exact")):
    print(mode, F.interpolate(x, size=size, mode=mode).sum(), F.interpolate(x, size=size, mode=mode)[0, 0, 1, :3])
print(F.interpolate(x, size=(3, 4), mode="bilinear", antialias=True)[0, 0, 0])
sobel = torch.tensor([[1.0, 0, -1], [2, 0, -2], [1, 0, -1]]).expand(2, 1, 3, 3)
edges = F.conv2d(x, sobel, groups=2, dilation=2, padding=2)
tv = (x[..., 1:, :] - x[..., :-1, :]).abs().sum() + (x[..., :, 1:] - x[..., :, :-1]).abs().sum()
print(edges.square().mean(), tv, torch.rot90(x, 1, (2, 3))[0, 0, 0], torch.roll(x, (1, -1), (2, 3))[0, 0, 0])
g = torch.exp(-((torch.arange(5) - 2.0) ** 2) / 2)
window = (g / g.sum()).outer(g / g.sum()).expand(2, 1, 5, 5)
y = x + 0.1 * tensor(*x.shape)
mu1, mu2 = F.conv2d(x, window, groups=2), F.conv2d(y, window, groups=2)
s1, s2, s12 = (
    F.conv2d(a * b, window, groups=2) - m * n for a, b, m, n in ((x, x, mu1, mu1), (y, y, mu2, mu2), (x, y, mu1, mu2))
)
ssim = ((2 * mu1 * mu2 + 1e-4) * (2 * s12 + 9e-4)) / ((mu1**2 + mu2**2 + 1e-4) * (s1 + s2 + 9e-4))
print("ssim", ssim.mean())

auto = refill(
    nn.Sequential(
        nn.Conv2d(1, 4, 3, stride=2, padding=1),
        nn.ELU(),
        nn.Conv2d(4, 8, 3, stride=2, padding=1),
        nn.InstanceNorm2d(8, affine=True),
        nn.Hardswish(),
        nn.ConvTranspose2d(8, 4, 3, stride=2, padding=1, output_padding=1),
        nn.LocalResponseNorm(2),
        nn.Softplus(),
        nn.ConvTranspose2d(4, 1, 2, stride=2),
        nn.Sigmoid(),
    )
)
print(auto)
opt = torch.optim.Adamax(auto.parameters(), lr=0.02)
for _ in range(3):
    out = auto(images)
    loss = F.binary_cross_entropy(out, images.sigmoid()) + 0.1 * F.l1_loss(out, images.sigmoid())
    opt.zero_grad()
    loss.backward()
    opt.step()
    print("auto", loss.item())
values, indices = F.max_pool2d(x, 2, return_indices=True)
print(
    F.max_unpool2d(values, indices, 2).sum(), F.lp_pool2d(x.abs(), 2, 2).sum(), nn.AdaptiveMaxPool2d((2, None))(x).shape
)
