"""A variational autoencoder of handwritten digits: two numbers describe an image, and new ones are drawn from noise."""

import os

from sklearn.datasets import load_digits

import chainrule as torch
import chainrule.nn.functional as F
from chainrule import nn
from chainrule.utils.data import DataLoader, TensorDataset

epochs = 8 if os.environ.get("CHAINRULE_SMALL") else 60
torch.manual_seed(0)
images = torch.from_numpy(load_digits().data).float() / 16
loader = DataLoader(TensorDataset(images), batch_size=64, shuffle=True)


class VAE(nn.Module):
    def __init__(self, latent=2):
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(64, 64), nn.ReLU())
        self.mean = nn.Linear(64, latent)
        self.log_variance = nn.Linear(64, latent)
        self.decoder = nn.Sequential(nn.Linear(latent, 64), nn.ReLU(), nn.Linear(64, 64))

    def forward(self, x):
        h = self.encoder(x)
        mean, log_variance = self.mean(h), self.log_variance(h)
        z = mean + torch.exp(log_variance / 2) * torch.randn_like(mean)  # the reparametrisation trick
        return self.decoder(z), mean, log_variance


def losses(x, model):
    """Reconstruction error and Kullback-Leibler divergence from N(0, 1), both in nats an image."""
    logits, mean, log_variance = model(x)
    reconstruction = F.binary_cross_entropy_with_logits(logits, x, reduction="sum")
    divergence = -0.5 * torch.sum(1 + log_variance - mean**2 - log_variance.exp())
    return reconstruction / len(x), divergence / len(x)


model = VAE()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
with torch.no_grad():
    before = sum(losses(images, model)).item()
for epoch in range(1, epochs + 1):
    for (x,) in loader:
        loss = sum(losses(x, model))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    if epoch % (epochs // 4) == 0:
        with torch.no_grad():
            reconstruction, divergence = losses(images, model)
        print(f"epoch {epoch:3d}   reconstruction {reconstruction.item():.2f}   divergence {divergence.item():.2f}")

with torch.no_grad():
    after = sum(losses(images, model)).item()
    drawn = torch.sigmoid(model.decoder(torch.randn(4, 2))).reshape(4, 8, 8)
print(f"loss {before:.2f} -> {after:.2f}; four images drawn from noise:")
for row in range(8):
    print("   ".join("".join(" .:*#"[min(int(v * 5), 4)] * 2 for v in image[row].tolist()) for image in drawn))
assert after < before - 10, "the loss should fall"
