"""What notebooks do: tables with embeddings, numpy among tensors, AMP switches, early stopping, metrics, seeds."""

import copy
import os
import random
import time

import numpy as np
import pandas as pd
import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.metrics import accuracy_score, r2_score
from sklearn.model_selection import KFold, train_test_split
from sklearn.preprocessing import LabelEncoder, StandardScaler
from torch.cuda.amp import GradScaler
from torch.optim.lr_scheduler import ReduceLROnPlateau
from torch.utils.data import DataLoader, Dataset


def seed_everything(seed=42):
    random.seed(seed)
    os.environ["PYTHONHASHSEED"] = str(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)
    torch.cuda.manual_seed(seed)
    torch.cuda.manual_seed_all(seed)
    torch.backends.cudnn.deterministic = True
    torch.backends.cudnn.benchmark = False
    torch.use_deterministic_algorithms(True, warn_only=True)


seed_everything(0)
first = torch.rand(3)
seed_everything(0)
print(torch.equal(first, torch.rand(3)), torch.initial_seed())
device = torch.device("cuda:0" if torch.cuda.is_available() else "cpu")
print(device, device.type, torch.cuda.device_count(), torch.get_default_dtype())

rng = np.random.default_rng(0)
n = 80
df = pd.DataFrame(
    {
        "colour": rng.choice(["red", "green", "blue"], n),
        "size": rng.normal(3, 1, n),
        "weight": rng.exponential(2, n),
        "when": pd.date_range("2020-01-01", periods=n),
    }
)
df["month"] = df["when"].dt.month
df["target"] = (df["size"] + (df["colour"] == "red") * 2 + 0.1 * rng.normal(size=n)).astype(np.float32)
cat_cols, num_cols = ["colour", "month"], ["size", "weight"]
for c in cat_cols:
    df[c] = LabelEncoder().fit_transform(df[c])
df[num_cols] = StandardScaler().fit_transform(df[num_cols])
cards = [int(df[c].nunique()) for c in cat_cols]
emb_szs = [(c, min(5, (c + 1) // 2)) for c in cards]
print(emb_szs)


class TabularDataset(Dataset):
    def __init__(self, frame):
        self.cats = torch.tensor(frame[cat_cols].values, dtype=torch.int64)
        self.conts = torch.tensor(frame[num_cols].values, dtype=torch.float32)
        self.y = torch.tensor(frame["target"].values).reshape(-1, 1)

    def __len__(self):
        return len(self.y)

    def __getitem__(self, i):
        return self.cats[i], self.conts[i], self.y[i]


class TabularModel(nn.Module):
    def __init__(self, emb_szs, n_cont, out_sz, layers, p=0.0):
        super().__init__()
        self.embeds = nn.ModuleList([nn.Embedding(ni, nf) for ni, nf in emb_szs])
        self.emb_drop = nn.Dropout(p)
        self.bn_cont = nn.BatchNorm1d(n_cont)
        layerlist, n_in = [], sum(nf for _, nf in emb_szs) + n_cont
        for i in layers:
            layerlist += [nn.Linear(n_in, i), nn.ReLU(inplace=True), nn.BatchNorm1d(i), nn.Dropout(p)]
            n_in = i
        layerlist.append(nn.Linear(layers[-1], out_sz))
        self.layers = nn.Sequential(*layerlist)

    def forward(self, x_cat, x_cont):
        embeddings = [e(x_cat[:, i]) for i, e in enumerate(self.embeds)]
        x = self.emb_drop(torch.cat(embeddings, 1))
        return self.layers(torch.cat([x, self.bn_cont(x_cont)], 1))


class EarlyStopping:
    def __init__(self, patience=2, delta=0.0, path="checkpoint.pt"):
        self.patience, self.counter, self.best_score, self.early_stop = patience, 0, None, False
        self.val_loss_min, self.delta, self.path = np.inf, delta, path

    def __call__(self, val_loss, model):
        score = -val_loss
        if self.best_score is None or score >= self.best_score + self.delta:
            self.best_score, self.counter, self.val_loss_min = score, 0, val_loss
            torch.save(model.state_dict(), self.path)
        else:
            self.counter += 1
            self.early_stop = self.counter >= self.patience


class AverageMeter:
    def __init__(self):
        self.sum, self.count = 0, 0

    def update(self, val, n=1):
        self.sum += val * n
        self.count += n

    @property
    def avg(self):
        return self.sum / self.count


class RMSELoss(nn.Module):
    def forward(self, yhat, y):
        return torch.sqrt(F.mse_loss(yhat, y) + 1e-6)


weights_rng = np.random.default_rng(7)


def init(m):
    for p in m.parameters(recurse=False):
        with torch.no_grad():
            p.copy_(torch.as_tensor(weights_rng.normal(1.0 if isinstance(m, nn.BatchNorm1d) else 0, 0.2, p.shape)))


folds = []
for fold, (tr, va) in enumerate(KFold(2, shuffle=True, random_state=0).split(df)):
    train_loader = DataLoader(
        TabularDataset(df.iloc[tr]), batch_size=16, num_workers=0, pin_memory=torch.cuda.is_available()
    )
    valid_loader = DataLoader(TabularDataset(df.iloc[va]), batch_size=64)
    model = TabularModel(emb_szs, 2, 1, [8, 4]).to(device)
    model.apply(init)
    criterion, optimizer = RMSELoss(), torch.optim.Adam(model.parameters(), lr=0.02, eps=1e-4, weight_decay=1e-5)
    scheduler = ReduceLROnPlateau(optimizer, mode="min", factor=0.5, patience=0)
    scaler = GradScaler(enabled=False)
    stopper, start = EarlyStopping(), time.time()
    for epoch in range(4):
        model.train()
        meter = AverageMeter()
        pbar = train_loader
        for step, (cats, conts, y) in enumerate(pbar):
            cats, conts, y = cats.to(device, non_blocking=True), conts.to(device), y.to(device)
            with torch.amp.autocast("cuda", enabled=False):
                loss = criterion(model(cats, conts), y)
            scaler.scale(loss).backward()
            if (step + 1) % 2 == 0 or step + 1 == len(train_loader):
                scaler.unscale_(optimizer)
                torch.nn.utils.clip_grad_norm_(model.parameters(), max_norm=2.0)
                scaler.step(optimizer)
                scaler.update()
                optimizer.zero_grad(set_to_none=True)
            meter.update(loss.item(), y.size(0))
        model.eval()
        preds, targets = [], []
        with torch.no_grad():
            for cats, conts, y in valid_loader:
                preds.append(model(cats, conts).cpu().numpy())
                targets.append(y.detach().cpu().numpy())
        preds, targets = np.concatenate(preds).ravel(), np.concatenate(targets).ravel()
        val = float(np.sqrt(np.mean((preds - targets) ** 2)))
        scheduler.step(val)
        stopper(val, model)
        rate, r2 = optimizer.param_groups[0]["lr"], r2_score(targets, preds)
        print(f"fold {fold} epoch {epoch} train {meter.avg:.4f} valid {val:.4f} r2 {r2:.4f} lr {rate}")
        if stopper.early_stop:
            break
    model.load_state_dict(torch.load("checkpoint.pt", weights_only=True))
    folds.append(stopper.val_loss_min)
print(np.mean(folds))

a = np.arange(6, dtype=np.float32).reshape(2, 3)
t = torch.from_numpy(a)
print(t + a, a * 2 + np.asarray(t), np.exp(t), np.mean(t.numpy(), axis=0))
print(torch.tensor(np.float64(1.5)), torch.tensor(a[0, 1]), t.add(np.float32(2)), float(t.sum()), int(t.max()))
t.mul_(2)
print(a, t.tolist(), list(t[0]), [x.item() for x in t[1]], len(t), t.T.numpy().flags["C_CONTIGUOUS"])
mask = a > 3
print(t[torch.from_numpy(mask)], t[mask], torch.where(t > 4, t, torch.zeros(())))
X_train, X_test, y_train, y_test = train_test_split(df[num_cols].values, (df.target > 3).values, random_state=0)
logreg = nn.Linear(2, 1)
logreg.weight.data.zero_()
logreg.bias.data.zero_()
opt = torch.optim.SGD(logreg.parameters(), lr=0.5)
Xt, yt = torch.FloatTensor(X_train), torch.FloatTensor(y_train).unsqueeze(1)
losses = []
for _ in range(20):
    loss = nn.BCEWithLogitsLoss(pos_weight=torch.tensor([1.5]))(logreg(Xt), yt)
    opt.zero_grad()
    loss.backward()
    opt.step()
    losses.append(loss.detach())
print(torch.stack(losses)[::5], np.array([x.item() for x in losses]).min())
probs = torch.sigmoid(logreg(torch.FloatTensor(X_test))).detach().numpy()
print(accuracy_score(y_test, probs > 0.5), copy.copy(opt.state_dict()["param_groups"][0]["lr"]))
torch.use_deterministic_algorithms(False)
