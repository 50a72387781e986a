"""A graph network with scatter, matrix factorisation, triplets, distillation, focal and dice losses, soft targets."""

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F

rng = np.random.default_rng(0)


def tensor(*shape, scale=1.0):
    return torch.from_numpy(rng.normal(0, scale, shape)).float()


def refill(model, scale=0.3):
    with torch.no_grad():
        for p in model.parameters():
            p.copy_(tensor(*p.shape, scale=scale))
    return model


class GCNConv(nn.Module):
    def __init__(self, in_features, out_features):
        super().__init__()
        self.weight = nn.Parameter(torch.empty(in_features, out_features))
        self.bias = nn.Parameter(torch.empty(out_features))
        self.reset_parameters()

    def reset_parameters(self):
        stdv = 1.0 / self.weight.size(1) ** 0.5
        self.weight.data.uniform_(-stdv, stdv)
        self.bias.data.uniform_(-stdv, stdv)

    def forward(self, x, edge_index):
        row, col = edge_index
        deg = torch.zeros(x.size(0)).scatter_add_(0, col, torch.ones(col.numel()))
        norm = deg.clamp(min=1).pow(-0.5)
        messages = (x @ self.weight)[row] * (norm[row] * norm[col]).unsqueeze(-1)
        out = torch.zeros(x.size(0), messages.size(1)).index_add_(0, col, messages)
        return out + self.bias

    def __repr__(self):
        return self.__class__.__name__ + " (" + str(self.weight.shape[0]) + " -> " + str(self.weight.shape[1]) + ")"


class GAT(nn.Module):
    def __init__(self, n_in, n_out, heads=2):
        super().__init__()
        self.W = nn.Linear(n_in, n_out * heads, bias=False)
        self.a = nn.Parameter(torch.zeros(1, heads, 2 * n_out))
        self.heads, self.n_out = heads, n_out

    def forward(self, x, adj):
        n = x.size(0)
        h = self.W(x).view(n, self.heads, self.n_out)
        left, right = (h * self.a[..., : self.n_out]).sum(-1), (h * self.a[..., self.n_out :]).sum(-1)
        e = F.leaky_relu(left.unsqueeze(1) + right.unsqueeze(0), 0.2)
        e = e.masked_fill(adj.unsqueeze(-1) == 0, -9e15)
        attention = F.softmax(e, dim=1)
        return torch.einsum("ijh,jhf->ihf", attention, h).flatten(1)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.gc1, self.gat, self.gc2 = GCNConv(4, 8), GAT(8, 4), GCNConv(8, 3)

    def forward(self, x, edge_index, adj):
        x = F.relu(self.gc1(x, edge_index))
        x = F.elu(self.gat(x, adj))
        return F.log_softmax(self.gc2(x, edge_index), dim=1)


edges = torch.tensor([(i, j) for i in range(7) for j in range(7) if (i * j + i + j) % 3 == 0]).t().contiguous()
adj = torch.zeros(7, 7)
adj[edges[0], edges[1]] = 1
features, labels = tensor(7, 4), torch.tensor([0, 1, 2, 0, 1, 2, 0])
train_mask = torch.tensor([1, 1, 1, 0, 0, 1, 0], dtype=torch.bool)
net = refill(Net())
print(net)
opt = torch.optim.Adam(net.parameters(), lr=0.02, weight_decay=5e-4)
for epoch in range(4):
    opt.zero_grad()
    out = net(features, edges, adj)
    loss = F.nll_loss(out[train_mask], labels[train_mask])
    loss.backward()
    opt.step()
    acc = out.argmax(1).eq(labels)[~train_mask].double().mean()
    print("gcn", loss.item(), acc)
index, src = torch.tensor([0, 2, 0, 1, 2]), tensor(5, 2).requires_grad_()
expanded = index.unsqueeze(1).expand(-1, 2)
for reduce in ("sum", "mean", "amax", "prod"):
    pooled = torch.zeros(3, 2).scatter_reduce(0, expanded, src, reduce=reduce, include_self=False)
    (g,) = torch.autograd.grad(pooled.pow(2).sum(), src)
    print(reduce, pooled.detach(), g.abs().sum())

users, items = torch.from_numpy(rng.integers(0, 6, 30)), torch.from_numpy(rng.integers(0, 5, 30))
ratings = torch.from_numpy(rng.integers(1, 6, 30)).float()


class MatrixFactorization(nn.Module):
    def __init__(self, n_users, n_items, n_factors=3):
        super().__init__()
        self.user_factors, self.item_factors = nn.Embedding(n_users, n_factors), nn.Embedding(n_items, n_factors)
        self.user_biases, self.item_biases = nn.Embedding(n_users, 1), nn.Embedding(n_items, 1)

    def forward(self, user, item):
        pred = self.user_biases(user) + self.item_biases(item)
        pred += (self.user_factors(user) * self.item_factors(item)).sum(dim=1, keepdim=True)
        return pred.squeeze()


mf = refill(MatrixFactorization(6, 5))
optimizer = torch.optim.SGD(mf.parameters(), lr=0.5)
for _ in range(4):
    optimizer.zero_grad()
    loss = nn.MSELoss()(mf(users, items), ratings)
    loss.backward()
    optimizer.step()
    print("mf", loss.item())

embed = refill(nn.Sequential(nn.Linear(4, 8), nn.PReLU(), nn.Linear(8, 3)))
anchor, positive, negative = tensor(6, 4), tensor(6, 4), tensor(6, 4)
for loss_fn in (
    nn.TripletMarginLoss(margin=1.0, p=2),
    nn.TripletMarginWithDistanceLoss(distance_function=lambda x, y: 1.0 - F.cosine_similarity(x, y), swap=True),
):
    loss = loss_fn(embed(anchor), embed(positive), embed(negative))
    embed.zero_grad()
    loss.backward()
    print(loss_fn.__class__.__name__, loss, embed[1].weight.grad)
pairs = F.pairwise_distance(embed(anchor), embed(positive))
y = torch.tensor([1.0, 0, 1, 0, 1, 0])
contrastive = torch.mean((1 - y) * pairs.pow(2) + y * torch.clamp(2.0 - pairs, min=0.0).pow(2))
print(contrastive, nn.CosineEmbeddingLoss(margin=0.2)(embed(anchor), embed(positive), y * 2 - 1))
distances = torch.cdist(embed(anchor), embed(positive))
hardest, _ = (distances + torch.eye(6) * 1e3).min(dim=1)
print(F.relu(distances.diag() - hardest + 0.5).mean(), F.margin_ranking_loss(distances[0], distances[1], y * 2 - 1))

teacher, student = refill(nn.Linear(4, 3), 1.0), refill(nn.Linear(4, 3))
opt, T = torch.optim.SGD(student.parameters(), lr=0.5), 2
target = torch.tensor([0, 1, 2, 0, 1, 2])
for _ in range(3):
    with torch.no_grad():
        teacher_logits = teacher(anchor)
    logits = student(anchor)
    soft_targets = F.softmax(teacher_logits / T, dim=-1)
    soft_prob = F.log_softmax(logits / T, dim=-1)
    soft_loss = torch.sum(soft_targets * (soft_targets.log() - soft_prob)) / soft_prob.size()[0] * (T**2)
    kd = F.kl_div(soft_prob, soft_targets, reduction="batchmean") * T * T
    loss = 0.25 * soft_loss + 0.75 * F.cross_entropy(logits, target)
    opt.zero_grad()
    loss.backward()
    opt.step()
    print("kd", loss.item(), torch.allclose(kd, soft_loss))


class FocalLoss(nn.Module):
    def __init__(self, alpha=None, gamma=2.0, reduction="mean"):
        super().__init__()
        self.register_buffer("alpha", alpha)
        self.gamma, self.reduction = gamma, reduction

    def forward(self, inputs, targets):
        ce_loss = F.cross_entropy(inputs, targets, weight=self.alpha, reduction="none")
        pt = torch.exp(-ce_loss)
        loss = (1 - pt) ** self.gamma * ce_loss
        return loss.mean() if self.reduction == "mean" else loss


logits = tensor(6, 3).requires_grad_()
focal = FocalLoss(torch.tensor([0.2, 0.3, 0.5]))
focal(logits, target).backward()
print(focal, focal(logits, target), logits.grad[0])
lam, perm = 0.3, torch.tensor([2, 0, 1, 5, 4, 3])
mixup = lam * F.cross_entropy(logits, target) + (1 - lam) * F.cross_entropy(logits, target[perm])
soft = F.one_hot(target, 3) * lam + F.one_hot(target[perm], 3) * (1 - lam)
print(mixup, torch.allclose(mixup, F.cross_entropy(logits, soft)))
print(
    F.huber_loss(logits, torch.zeros(6, 3), delta=0.5), F.poisson_nll_loss(logits, target[:, None].float().expand(6, 3))
)
print(F.multilabel_soft_margin_loss(logits, F.one_hot(target, 3).float()), F.multi_margin_loss(logits, target))
quantiles = torch.tensor([0.1, 0.5, 0.9])
errors = target[:, None] - logits
print(
    torch.max((quantiles - 1) * errors, quantiles * errors).mean(0), torch.quantile(logits.detach(), quantiles, dim=0)
)
