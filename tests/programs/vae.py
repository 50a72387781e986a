"""The variational autoencoder of the examples, by hand and with torch.distributions, and an IWAE bound."""

import numpy as np
import torch
import torch.utils.data
from torch import distributions as D
from torch import nn, optim
from torch.nn import functional as F

rng = np.random.default_rng(0)
data = (rng.random((64, 20)) < np.linspace(0.1, 0.9, 20)).astype(np.float32)
train_loader = torch.utils.data.DataLoader(torch.from_numpy(data), batch_size=16, shuffle=False)


class VAE(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1 = nn.Linear(20, 12)
        self.fc21 = nn.Linear(12, 3)
        self.fc22 = nn.Linear(12, 3)
        self.fc3 = nn.Linear(3, 12)
        self.fc4 = nn.Linear(12, 20)

    def encode(self, x):
        h1 = F.relu(self.fc1(x))
        return self.fc21(h1), self.fc22(h1)

    def reparameterize(self, mu, logvar):
        std = torch.exp(0.5 * logvar)
        eps = torch.randn_like(std)
        eps = torch.from_numpy(rng.normal(size=std.shape)).to(eps)
        return mu + eps * std

    def decode(self, z):
        return torch.sigmoid(self.fc4(F.relu(self.fc3(z))))

    def forward(self, x):
        mu, logvar = self.encode(x.view(-1, 20))
        z = self.reparameterize(mu, logvar)
        return self.decode(z), mu, logvar


model = VAE()
for name, p in model.named_parameters():
    p.data.copy_(torch.from_numpy(rng.normal(0, 0.2, p.shape)))
    print(name, p.shape, p.abs().mean().item())
optimizer = optim.Adam(model.parameters(), lr=1e-2)


def loss_function(recon_x, x, mu, logvar):
    BCE = F.binary_cross_entropy(recon_x, x.view(-1, 20), reduction="sum")
    KLD = -0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp())
    return BCE + KLD


def train(epoch):
    model.train()
    train_loss = 0
    for batch_idx, batch in enumerate(train_loader):
        optimizer.zero_grad()
        recon_batch, mu, logvar = model(batch)
        loss = loss_function(recon_batch, batch, mu, logvar)
        loss.backward()
        train_loss += loss.item()
        optimizer.step()
        if batch_idx % 2 == 0:
            print(
                "Train Epoch: {} [{}/{} ({:.0f}%)]\tLoss: {:.4f}".format(
                    epoch,
                    batch_idx * len(batch),
                    len(train_loader.dataset),
                    100.0 * batch_idx / len(train_loader),
                    loss.item() / len(batch),
                )
            )
    print(f"====> Epoch: {epoch} Average loss: {train_loss / len(train_loader.dataset):.4f}")


for epoch in range(1, 4):
    train(epoch)

x = torch.from_numpy(data[:8])
mu, logvar = model.encode(x)
q = D.Independent(D.Normal(mu, (0.5 * logvar).exp()), 1)
prior = D.Independent(D.Normal(torch.zeros(3), torch.ones(3)), 1)
z = mu + 0.1
px = D.Independent(D.Bernoulli(logits=model.fc4(F.relu(model.fc3(z)))), 1)
kl = D.kl_divergence(q, prior)
print(q, prior, px)
print(kl, q.log_prob(z), px.log_prob(x), q.rsample().shape, q.entropy())
elbo = (px.log_prob(x) - kl).mean()
elbo.backward()
print(elbo, model.fc21.weight.grad.norm(), model.fc22.bias.grad)

noise = torch.from_numpy(rng.normal(size=(5, 8, 3))).float()
mu, logvar = model.encode(x)
q = D.Normal(mu, torch.exp(logvar / 2))
z = q.loc + q.scale * noise
log_w = D.Normal(0.0, 1.0).log_prob(z).sum(-1) - q.log_prob(z).sum(-1)
log_w = log_w + D.Bernoulli(model.decode(z)).log_prob(x).sum(-1)
iwae = (torch.logsumexp(log_w, 0) - np.log(5)).mean()
model.zero_grad()
(-iwae).backward()
print(iwae.item(), [round(p.grad.abs().sum().item(), 3) for p in model.parameters()])
mixture = D.MixtureSameFamily(
    D.Categorical(torch.ones(4)), D.Independent(D.Normal(torch.arange(8.0).view(4, 2), 1.0), 1)
)
print(mixture.log_prob(torch.zeros(3, 2)), mixture.mean, mixture.sample((2,)).shape)
flow = D.TransformedDistribution(D.Normal(torch.zeros(2), 1.0), [D.AffineTransform(1.0, 2.0), D.TanhTransform()])
print(flow.log_prob(torch.tensor([0.1, 0.9])), flow.event_shape, flow.batch_shape)
