"""nn.Transformer and its parts in a language model and a translation model, masks of every kind, cached keys."""

import math

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import Transformer, TransformerEncoder, TransformerEncoderLayer
from torch.nn import functional as F

rng = np.random.default_rng(0)


def refill(model, scale=0.2):
    for name, p in model.named_parameters():
        base = 1.0 if "norm" in name and name.endswith("weight") else 0.0
        p.data = torch.from_numpy((base + rng.normal(0, scale, p.shape)).astype(np.float32))
    return model


class PositionalEncoding(nn.Module):
    def __init__(self, d_model: int, dropout: float = 0.0, max_len: int = 50):
        super().__init__()
        self.dropout = nn.Dropout(p=dropout)
        position = torch.arange(max_len).unsqueeze(1)
        div_term = torch.exp(torch.arange(0, d_model, 2) * (-math.log(10000.0) / d_model))
        pe = torch.zeros(max_len, 1, d_model)
        pe[:, 0, 0::2] = torch.sin(position * div_term)
        pe[:, 0, 1::2] = torch.cos(position * div_term)
        self.register_buffer("pe", pe)

    def forward(self, x: Tensor) -> Tensor:
        return self.dropout(x + self.pe[: x.size(0)])


class TransformerModel(nn.Module):
    def __init__(self, ntoken, d_model, nhead, d_hid, nlayers):
        super().__init__()
        self.model_type = "Transformer"
        self.pos_encoder = PositionalEncoding(d_model)
        self.embedding = nn.Embedding(ntoken, d_model)
        self.transformer_encoder = TransformerEncoder(TransformerEncoderLayer(d_model, nhead, d_hid, 0.0), nlayers)
        self.d_model = d_model
        self.linear = nn.Linear(d_model, ntoken)

    def forward(self, src: Tensor, src_mask: Tensor = None) -> Tensor:
        src = self.pos_encoder(self.embedding(src) * math.sqrt(self.d_model))
        if src_mask is None:
            src_mask = nn.Transformer.generate_square_subsequent_mask(len(src)).to(src.device)
        return self.linear(self.transformer_encoder(src, src_mask))


ntokens, bptt = 9, 6
data = torch.from_numpy(np.cumsum(rng.integers(1, 3, 80)) % ntokens)
train_data = data.view(4, 20).t().contiguous()
print(Transformer.generate_square_subsequent_mask(3))


def get_batch(source, i):
    seq_len = min(bptt, len(source) - 1 - i)
    return source[i : i + seq_len], source[i + 1 : i + 1 + seq_len].reshape(-1)


model = refill(TransformerModel(ntokens, 8, 2, 16, 2))
print(model)
optimizer = torch.optim.SGD(model.parameters(), lr=0.3)
scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 1.0, gamma=0.95)
for epoch in range(3):
    model.train()
    total_loss = 0.0
    for i in range(0, train_data.size(0) - 1, bptt):
        inputs, targets = get_batch(train_data, i)
        loss = F.cross_entropy(model(inputs).view(-1, ntokens), targets)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 0.5)
        optimizer.step()
        total_loss += loss.item()
    rate, perplexity = scheduler.get_last_lr()[0], math.exp(total_loss / 4)
    print(f"| epoch {epoch} | lr {rate:.3f} | loss {total_loss:.4f} | ppl {perplexity:.3f}")
    scheduler.step()


class Seq2Seq(nn.Module):
    def __init__(self, emb=8, vocab=10):
        super().__init__()
        self.transformer = Transformer(emb, 2, 1, 1, 16, 0.0, batch_first=True, norm_first=True, activation="gelu")
        self.src_tok_emb, self.tgt_tok_emb = nn.Embedding(vocab, emb, padding_idx=0), nn.Embedding(vocab, emb)
        self.generator = nn.Linear(emb, vocab)

    def forward(self, src, tgt, tgt_mask, src_pad, tgt_pad):
        outs = self.transformer(
            self.src_tok_emb(src), self.tgt_tok_emb(tgt), None, tgt_mask, None, src_pad, tgt_pad, src_pad
        )
        return self.generator(outs)


translate = refill(Seq2Seq())
print(translate.transformer.decoder)
src = torch.tensor([[3, 4, 5, 0], [6, 7, 8, 9]])
tgt = torch.tensor([[1, 5, 4, 3, 2], [1, 9, 8, 2, 0]])
tgt_input, tgt_out = tgt[:, :-1], tgt[:, 1:]
causal = torch.triu(torch.full((4, 4), float("-inf")), diagonal=1)
loss_fn = nn.CrossEntropyLoss(ignore_index=0)
opt = torch.optim.Adam(translate.parameters(), lr=0.01, betas=(0.9, 0.98), eps=1e-6)
src_pad = torch.zeros(src.shape).masked_fill(src == 0, float("-inf"))
tgt_pad = torch.zeros(tgt_input.shape).masked_fill(tgt_input == 0, float("-inf"))
for _ in range(4):
    logits = translate(src, tgt_input, causal, src_pad, tgt_pad)
    loss = loss_fn(logits.reshape(-1, logits.shape[-1]), tgt_out.reshape(-1))
    opt.zero_grad()
    loss.backward()
    opt.step()
    print("translate", loss.item())
print(translate.src_tok_emb.weight.grad[0].abs().sum())

mha = refill(nn.MultiheadAttention(8, 2, batch_first=True))
x = torch.from_numpy(rng.normal(size=(2, 5, 8)).astype(np.float32))
lengths = torch.tensor([5, 3])
padding = torch.arange(5)[None, :] >= lengths[:, None]
out, weights = mha(x, x, x, key_padding_mask=padding, need_weights=True)
print(out.shape, weights[1], mha)
out2, per_head = mha(x, x, x, average_attn_weights=False, attn_mask=torch.ones(5, 5).tril() == 0)
print(per_head.shape, torch.allclose(per_head.mean(1)[0, 0], torch.tensor([1.0, 0, 0, 0, 0])), out2[0, 0])
cross = refill(nn.MultiheadAttention(8, 2, kdim=3, vdim=4, bias=False))
q, k, v = (torch.from_numpy(rng.normal(size=(n, 2, d)).astype(np.float32)) for n, d in ((3, 8), (6, 3), (6, 4)))
print(cross(q, k, v)[0].sum(-1), [n for n, _ in cross.named_parameters()])

layer = refill(nn.TransformerDecoderLayer(8, 2, 16, dropout=0.0, batch_first=True)).eval()
memory = x[:, :4]
full = layer(x, memory, tgt_mask=torch.triu(torch.ones(5, 5, dtype=torch.bool), 1), tgt_is_causal=True)
step_by_step = torch.cat([layer(x[:, : t + 1], memory, tgt_is_causal=False)[:, -1:] for t in range(1)], 1)
print(torch.allclose(full[:, :1], step_by_step, atol=1e-5), full[0, 0])

cache_k, cache_v, outs = [], [], []
wq, wk, wv = mha.in_proj_weight.chunk(3)
bq, bk, bv = mha.in_proj_bias.chunk(3)
with torch.no_grad():
    for t in range(5):
        xt = x[:, t : t + 1]
        cache_k.append(F.linear(xt, wk, bk))
        cache_v.append(F.linear(xt, wv, bv))
        qh, kh, vh = (
            z.view(2, -1, 2, 4).transpose(1, 2)
            for z in (F.linear(xt, wq, bq), torch.cat(cache_k, 1), torch.cat(cache_v, 1))
        )
        att = F.scaled_dot_product_attention(qh, kh, vh)
        outs.append(mha.out_proj(att.transpose(1, 2).reshape(2, 1, 8)))
print(torch.allclose(torch.cat(outs, 1), out2, atol=1e-5))
