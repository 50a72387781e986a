"""Pieces of pytorch/examples: regression, forward-forward, a word language model, ImageNet's meters, a siamese net."""

import os
import shutil
from enum import Enum
from itertools import count

import numpy as np
import torch
import torch.backends.cudnn as cudnn
import torch.nn as nn
import torch.nn.functional as F
import torch.nn.parallel
import torch.optim
import torch.utils.data
import torch.utils.data.distributed
from torch.autograd import Variable

rng = np.random.default_rng(0)


def randn(*shape):
    return torch.from_numpy(rng.normal(size=shape).astype("float32"))


POLY_DEGREE = 4
W_target, b_target = randn(POLY_DEGREE, 1) * 5, randn(1) * 5


def make_features(x):
    x = x.unsqueeze(1)
    return torch.cat([x**i for i in range(1, POLY_DEGREE + 1)], 1)


def poly_desc(W, b):
    result = "y = "
    for i, w in enumerate(W):
        result += f"{w:+.2f} x^{i + 1} "
    return result + f"{b[0]:+.2f}"


fc = torch.nn.Linear(W_target.size(0), 1)
nn.init.zeros_(fc.weight)
nn.init.zeros_(fc.bias)
for batch_idx in count(1):
    batch_x = make_features(randn(32))
    batch_y = batch_x.mm(W_target) + b_target.item()
    fc.zero_grad()
    output = F.smooth_l1_loss(fc(batch_x), batch_y)
    loss = output.item()
    output.backward()
    for param in fc.parameters():
        param.data.add_(-0.1 * param.grad)
    if loss < 1e-3 or batch_idx == 60:
        break
print(f"Loss: {loss:.4f} after {batch_idx} batches")
print("==> Learned function:\t" + poly_desc(fc.weight.view(-1).detach(), fc.bias.detach()))
print("==> Actual function:\t" + poly_desc(W_target.view(-1), b_target))


class FFLayer(nn.Linear):
    def __init__(self, in_features, out_features):
        super().__init__(in_features, out_features)
        self.relu = torch.nn.ReLU()
        self.opt = torch.optim.Adam(self.parameters(), lr=0.02)
        self.threshold, self.num_epochs = 2.0, 5

    def forward(self, x):
        x_direction = x / (x.norm(2, 1, keepdim=True) + 1e-4)
        return self.relu(torch.mm(x_direction, self.weight.T) + self.bias.unsqueeze(0))

    def train_layer(self, x_pos, x_neg):
        for _ in range(self.num_epochs):
            g_pos = self.forward(x_pos).pow(2).mean(1)
            g_neg = self.forward(x_neg).pow(2).mean(1)
            loss = torch.log(1 + torch.exp(torch.cat([-g_pos + self.threshold, g_neg - self.threshold]))).mean()
            self.opt.zero_grad()
            loss.backward()
            self.opt.step()
        print("layer", loss.item())
        return self.forward(x_pos).detach(), self.forward(x_neg).detach()


def overlay_y_on_x(x, y, classes=3):
    x_ = x.clone()
    x_[:, :classes] *= 0.0
    x_[range(x.shape[0]), y] = x.max()
    return x_


x, y = randn(12, 8), torch.from_numpy(rng.integers(0, 3, 12))
h_pos, h_neg = overlay_y_on_x(x, y), overlay_y_on_x(x, (y + 1) % 3)
for layer in [FFLayer(8, 10), FFLayer(10, 6)]:
    layer.weight.data, layer.bias.data = randn(*layer.weight.shape) * 0.5, randn(*layer.bias.shape) * 0.1
    h_pos, h_neg = layer.train_layer(h_pos, h_neg)


class RNNModel(nn.Module):
    def __init__(self, rnn_type, ntoken, ninp, nhid, nlayers, dropout=0.0, tie_weights=False):
        super().__init__()
        self.drop = nn.Dropout(dropout)
        self.encoder = nn.Embedding(ntoken, ninp)
        if rnn_type in ["LSTM", "GRU"]:
            self.rnn = getattr(nn, rnn_type)(ninp, nhid, nlayers, dropout=dropout)
        else:
            nonlinearity = {"RNN_TANH": "tanh", "RNN_RELU": "relu"}[rnn_type]
            self.rnn = nn.RNN(ninp, nhid, nlayers, nonlinearity=nonlinearity, dropout=dropout)
        self.decoder = nn.Linear(nhid, ntoken)
        if tie_weights:
            if nhid != ninp:
                raise ValueError("When using the tied flag, nhid must be equal to emsize")
            self.decoder.weight = self.encoder.weight
        nn.init.uniform_(self.encoder.weight, -0.1, 0.1)
        self.rnn_type, self.nhid, self.nlayers, self.ntoken = rnn_type, nhid, nlayers, ntoken

    def forward(self, input, hidden):
        output, hidden = self.rnn(self.drop(self.encoder(input)), hidden)
        decoded = self.decoder(self.drop(output)).view(-1, self.ntoken)
        return F.log_softmax(decoded, dim=1), hidden

    def init_hidden(self, bsz):
        weight = next(self.parameters())
        if self.rnn_type == "LSTM":
            return (weight.new_zeros(self.nlayers, bsz, self.nhid), weight.new_zeros(self.nlayers, bsz, self.nhid))
        return weight.new_zeros(self.nlayers, bsz, self.nhid)


def repackage_hidden(h):
    return h.detach() if isinstance(h, torch.Tensor) else tuple(repackage_hidden(v) for v in h)


data = torch.from_numpy(np.cumsum(rng.integers(1, 3, 61)) % 7)
nbatch = data.size(0) // 4
data = data.narrow(0, 0, nbatch * 4).view(4, -1).t().contiguous()
for kind, tied in (("LSTM", True), ("RNN_RELU", False)):
    model = RNNModel(kind, 7, 6, 6, 2, tie_weights=tied)
    for p in model.parameters():
        p.data = randn(*p.shape) * 0.3
    print(model, sum(x.size()[0] * x.size()[1] if len(x.size()) > 1 else x.size()[0] for x in model.parameters()))
    hidden, criterion, lr = model.init_hidden(4), nn.NLLLoss(), 1.0
    for i in range(0, data.size(0) - 1, 5):
        seq_len = min(5, len(data) - 1 - i)
        inputs, targets = data[i : i + seq_len], data[i + 1 : i + 1 + seq_len].view(-1)
        model.zero_grad()
        hidden = repackage_hidden(hidden)
        output, hidden = model(inputs, hidden)
        loss = criterion(output, targets)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 0.25)
        for p in model.parameters():
            p.data.add_(p.grad, alpha=-lr)
        print(f"{kind} {i} {loss.item():.4f}")


class Summary(Enum):
    NONE = 0
    AVERAGE = 1


class AverageMeter:
    def __init__(self, name, fmt=":f", summary_type=Summary.AVERAGE):
        self.name, self.fmt, self.summary_type = name, fmt, summary_type
        self.reset()

    def reset(self):
        self.val = self.avg = self.sum = self.count = 0

    def update(self, val, n=1):
        self.val = val
        self.sum += val * n
        self.count += n
        self.avg = self.sum / self.count

    def __str__(self):
        return ("{name} {val" + self.fmt + "} ({avg" + self.fmt + "})").format(**self.__dict__)


def accuracy(output, target, topk=(1,)):
    with torch.no_grad():
        maxk, batch_size = max(topk), target.size(0)
        _, pred = output.topk(maxk, 1, True, True)
        pred = pred.t()
        correct = pred.eq(target.view(1, -1).expand_as(pred))
        return [correct[:k].reshape(-1).float().sum(0, keepdim=True).mul_(100.0 / batch_size) for k in topk]


cudnn.benchmark = True
net = nn.Sequential(nn.Linear(8, 16), nn.ReLU(True), nn.Linear(16, 6))
for p in net.parameters():
    p.data = randn(*p.shape) * 0.4
net = torch.nn.DataParallel(net) if torch.cuda.device_count() > 1 else net
images, target = Variable(randn(20, 8)), Variable(torch.from_numpy(rng.integers(0, 6, 20)))
losses, top1, top5 = AverageMeter("Loss", ":.4e"), AverageMeter("Acc@1", ":6.2f"), AverageMeter("Acc@5", ":6.2f")
optimizer = torch.optim.SGD(net.parameters(), 0.1, momentum=0.9, weight_decay=1e-4)
scheduler = torch.optim.lr_scheduler.StepLR(optimizer, step_size=30, gamma=0.1)
best = 0
for epoch in range(3):
    output = net(images)
    loss = F.cross_entropy(output, target)
    acc1, acc5 = accuracy(output, target, topk=(1, 5))
    losses.update(loss.item(), images.size(0))
    top1.update(acc1[0].item(), images.size(0))
    top5.update(acc5[0].item(), images.size(0))
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    scheduler.step()
    print("\t".join(map(str, (losses, top1, top5))))
    state = {"epoch": epoch + 1, "state_dict": net.state_dict(), "best_acc1": acc1, "optimizer": optimizer.state_dict()}
    torch.save({**state, "scheduler": scheduler.state_dict()}, "checkpoint.pth.tar")
    if acc1 > best:
        best = acc1
        shutil.copyfile("checkpoint.pth.tar", "model_best.pth.tar")
checkpoint = torch.load("model_best.pth.tar", map_location="cpu", weights_only=True)
print(checkpoint["epoch"], checkpoint["best_acc1"], os.path.isfile("checkpoint.pth.tar"), sorted(checkpoint))
net.load_state_dict({k.replace("module.", ""): v for k, v in checkpoint["state_dict"].items()})
scheduler.load_state_dict(checkpoint["scheduler"])
print(scheduler.last_epoch, torch.load("checkpoint.pth.tar", lambda storage, loc: storage)["epoch"])


class SiameseNetwork(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(8, 6), nn.ReLU(inplace=True))
        self.fc = nn.Sequential(nn.Linear(12, 4), nn.ReLU(inplace=True), nn.Linear(4, 1))
        self.sigmoid = nn.Sigmoid()
        self.body.apply(self.init_weights)

    def init_weights(self, m):
        if isinstance(m, nn.Linear):
            torch.nn.init.xavier_uniform_(m.weight)
            m.bias.data.fill_(0.01)

    def forward(self, input1, input2):
        output = torch.cat([self.body(i).view(input1.size(0), -1) for i in (input1, input2)], 1)
        return self.sigmoid(self.fc(output))


siamese = SiameseNetwork()
for p in siamese.parameters():
    p.data.copy_(randn(*p.shape) * 0.4)
opt = torch.optim.Adadelta(siamese.parameters(), lr=1.0)
same = torch.tensor([1, 0] * 10, dtype=torch.float)
for _ in range(3):
    outputs = siamese(images, images.flip(0)).squeeze()
    loss = nn.BCELoss()(outputs, same)
    opt.zero_grad()
    loss.backward()
    opt.step()
    pred = torch.where(outputs > 0.5, 1, 0)
    print("siamese", loss.item(), pred.eq(same.view_as(pred)).sum().item())
