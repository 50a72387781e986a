"""A DCGAN's two steps, and WGAN-GP's penalty on the gradient of the critic."""

import numpy as np
import torch
import torch.nn as nn
import torch.optim as optim
from torch import autograd

rng = np.random.default_rng(0)
nz, ngf, ndf, nc = 8, 4, 4, 1


def weights_init(m):
    classname = m.__class__.__name__
    if classname.find("Conv") != -1:
        nn.init.normal_(m.weight.data, 0.0, 0.02)
        m.weight.data.copy_(torch.tensor(rng.normal(0, 0.1, m.weight.shape)))
    elif classname.find("BatchNorm") != -1:
        m.weight.data = torch.tensor(1 + rng.normal(0, 0.02, m.weight.shape)).float()
        nn.init.constant_(m.bias.data, 0)


class Generator(nn.Module):
    def __init__(self):
        super().__init__()
        self.main = nn.Sequential(
            nn.ConvTranspose2d(nz, ngf * 2, 4, 1, 0, bias=False),
            nn.BatchNorm2d(ngf * 2),
            nn.ReLU(True),
            nn.ConvTranspose2d(ngf * 2, ngf, 4, 2, 1, bias=False),
            nn.BatchNorm2d(ngf),
            nn.ReLU(True),
            nn.ConvTranspose2d(ngf, nc, 4, 2, 1, bias=False),
            nn.Tanh(),
        )

    def forward(self, input):
        return self.main(input)


class Discriminator(nn.Module):
    def __init__(self):
        super().__init__()
        self.main = nn.Sequential(
            nn.Conv2d(nc, ndf, 4, 2, 1, bias=False),
            nn.LeakyReLU(0.2, inplace=True),
            nn.Conv2d(ndf, ndf * 2, 4, 2, 1, bias=False),
            nn.BatchNorm2d(ndf * 2),
            nn.LeakyReLU(0.2, inplace=True),
            nn.Conv2d(ndf * 2, 1, 4, 1, 0, bias=False),
            nn.Sigmoid(),
        )

    def forward(self, input):
        return self.main(input)


netG = Generator()
netD = Discriminator()
netG.apply(weights_init)
netD.apply(weights_init)
print(netG)
print(netD)
criterion = nn.BCELoss()
fixed_noise = torch.from_numpy(rng.normal(size=(2, nz, 1, 1)).astype(np.float32))
real_label, fake_label = 1.0, 0.0
optimizerD = optim.Adam(netD.parameters(), lr=2e-3, betas=(0.5, 0.999))
optimizerG = optim.Adam(netG.parameters(), lr=2e-3, betas=(0.5, 0.999))
G_losses, img_list = [], []
images = np.tanh(rng.normal(0.3, 1, (12, nc, 16, 16))).astype(np.float32)
for i in range(3):
    data = torch.tensor(images[4 * i : 4 * i + 4])
    netD.zero_grad()
    label = torch.full((4,), real_label, dtype=torch.float)
    output = netD(data).view(-1)
    errD_real = criterion(output, label)
    errD_real.backward()
    D_x = output.mean().item()
    noise = torch.tensor(rng.normal(size=(4, nz, 1, 1)), dtype=torch.float32)
    fake = netG(noise)
    label.fill_(fake_label)
    output = netD(fake.detach()).view(-1)
    errD_fake = criterion(output, label)
    errD_fake.backward()
    D_G_z1 = output.mean().item()
    errD = errD_real + errD_fake
    optimizerD.step()
    netG.zero_grad()
    label.fill_(real_label)
    output = netD(fake).view(-1)
    errG = criterion(output, label)
    errG.backward()
    optimizerG.step()
    G_losses.append(errG.item())
    print(
        "[%d/%d]\tLoss_D: %.4f\tLoss_G: %.4f\tD(x): %.4f\tD(G(z)): %.4f / %.4f"
        % (i, 3, errD.item(), errG.item(), D_x, D_G_z1, output.mean().item())
    )
with torch.no_grad():
    img_list.append(netG(fixed_noise).detach().cpu())
print(img_list[0].shape, img_list[0].mean())

critic = nn.Sequential(nn.Linear(2, 16), nn.LeakyReLU(0.2), nn.Linear(16, 16), nn.Softplus(), nn.Linear(16, 1))
gen = nn.Sequential(nn.Linear(3, 8), nn.ReLU(), nn.Linear(8, 2))
for p in [*critic.parameters(), *gen.parameters()]:
    p.data = torch.tensor(rng.normal(0, 0.4, p.shape), dtype=torch.float)
opt_c = optim.RMSprop(critic.parameters(), lr=1e-2)
opt_g = optim.Adam(gen.parameters(), lr=1e-2, betas=(0.0, 0.9))


def gradient_penalty(critic, real, fake, alpha):
    interpolates = (alpha * real + (1 - alpha) * fake).requires_grad_(True)
    scores = critic(interpolates)
    gradients = autograd.grad(
        outputs=scores,
        inputs=interpolates,
        grad_outputs=torch.ones_like(scores),
        create_graph=True,
        retain_graph=True,
        only_inputs=True,
    )[0]
    gradients = gradients.view(gradients.size(0), -1)
    return ((gradients.norm(2, dim=1) - 1) ** 2).mean()


for it in range(4):
    for p in critic.parameters():
        p.requires_grad = True
    real = torch.tensor(rng.normal(size=(8, 2)) * [1, 0.2], dtype=torch.float)
    z = torch.tensor(rng.normal(size=(8, 3)), dtype=torch.float)
    alpha = torch.tensor(rng.random((8, 1)), dtype=torch.float).expand_as(real)
    opt_c.zero_grad(set_to_none=True)
    fake = gen(z).detach()
    gp = gradient_penalty(critic, real.data, fake.data, alpha)
    wd = critic(real).mean() - critic(fake).mean()
    (-wd + 10 * gp).backward()
    opt_c.step()
    for p in critic.parameters():
        p.requires_grad = False
    opt_g.zero_grad()
    loss_g = -critic(gen(z)).mean()
    loss_g.backward()
    opt_g.step()
    print(it, wd.item(), gp.item(), loss_g.item(), all(p.grad is not None for p in gen.parameters()))
