"""N-gram language model, CBOW, an LSTM part-of-speech tagger and a BiLSTM-CRF."""

import numpy as np
import torch
import torch.autograd as autograd
import torch.nn as nn
import torch.nn.functional as F
import torch.optim as optim

torch.manual_seed(1)
rng = np.random.default_rng(0)


def redraw(model, scale=0.3):
    for p in model.parameters():
        with torch.no_grad():
            p[...] = torch.tensor(rng.normal(0, scale, p.shape), dtype=p.dtype)
    return model


word_to_ix = {"hello": 0, "world": 1}
embeds = redraw(nn.Embedding(2, 5))
lookup_tensor = torch.tensor([word_to_ix["hello"]], dtype=torch.long)
print(embeds, embeds(lookup_tensor))

test_sentence = """When forty winters shall besiege thy brow and dig deep trenches in thy beauty's field
thy youth's proud livery so gazed on now will be a tottered weed of small worth held""".split()
ngrams = [([test_sentence[i - 1], test_sentence[i - 2]], test_sentence[i]) for i in range(2, len(test_sentence))]
print(ngrams[:3])
vocab = sorted(set(test_sentence))
word_to_ix = {word: i for i, word in enumerate(vocab)}


class NGramLanguageModeler(nn.Module):
    def __init__(self, vocab_size, embedding_dim, context_size):
        super().__init__()
        self.embeddings = nn.Embedding(vocab_size, embedding_dim)
        self.linear1 = nn.Linear(context_size * embedding_dim, 16)
        self.linear2 = nn.Linear(16, vocab_size)

    def forward(self, inputs):
        embeds = self.embeddings(inputs).view((1, -1))
        out = F.relu(self.linear1(embeds))
        return F.log_softmax(self.linear2(out), dim=1)


losses = []
loss_function = nn.NLLLoss()
model = redraw(NGramLanguageModeler(len(vocab), 6, 2))
optimizer = optim.SGD(model.parameters(), lr=0.05)
for _epoch in range(4):
    total_loss = 0
    for context, target in ngrams:
        context_idxs = torch.tensor([word_to_ix[w] for w in context], dtype=torch.long)
        model.zero_grad()
        log_probs = model(context_idxs)
        loss = loss_function(log_probs, torch.tensor([word_to_ix[target]], dtype=torch.long))
        loss.backward()
        optimizer.step()
        total_loss += loss.item()
    losses.append(total_loss)
print(losses)
print(model.embeddings.weight[word_to_ix["beauty's"]])


class CBOW(nn.Module):
    def __init__(self, vocab_size, dim):
        super().__init__()
        self.embeddings = nn.EmbeddingBag(vocab_size, dim, mode="sum", max_norm=None)
        self.out = nn.Linear(dim, vocab_size, bias=False)

    def forward(self, inputs):
        return self.out(self.embeddings(inputs))


cbow = redraw(CBOW(len(vocab), 6))
contexts = torch.tensor([[word_to_ix[test_sentence[i + o]] for o in (-2, -1, 1, 2)] for i in range(2, 30)])
targets = torch.tensor([word_to_ix[test_sentence[i]] for i in range(2, 30)])
opt = optim.Adagrad(cbow.parameters(), lr=0.2)
for _ in range(4):
    opt.zero_grad()
    loss = F.cross_entropy(cbow(contexts), targets)
    loss.backward()
    opt.step()
    print("CBOW", loss.item())


class LSTMTagger(nn.Module):
    def __init__(self, embedding_dim, hidden_dim, vocab_size, tagset_size):
        super().__init__()
        self.hidden_dim = hidden_dim
        self.word_embeddings = nn.Embedding(vocab_size, embedding_dim, padding_idx=0)
        self.lstm = nn.LSTM(embedding_dim, hidden_dim)
        self.hidden2tag = nn.Linear(hidden_dim, tagset_size)

    def forward(self, sentence):
        embeds = self.word_embeddings(sentence)
        lstm_out, _ = self.lstm(embeds.view(len(sentence), 1, -1))
        tag_space = self.hidden2tag(lstm_out.view(len(sentence), -1))
        return F.log_softmax(tag_space, dim=1)


tagger = redraw(LSTMTagger(4, 6, 10, 3))
print(tagger)
optimizer = optim.SGD(tagger.parameters(), lr=0.1)
pairs = [([1, 2, 3, 4, 5], [0, 1, 2, 0, 1]), ([6, 7, 8, 9], [1, 2, 0, 1])]
for _epoch in range(5):
    for sentence, tags in pairs:
        tagger.zero_grad()
        loss = loss_function(tagger(torch.tensor(sentence)), torch.tensor(tags))
        loss.backward()
        optimizer.step()
print(loss, tagger(torch.tensor(pairs[0][0])).argmax(1), tagger.word_embeddings.weight.grad[0].abs().sum())


def argmax(vec):
    _, idx = torch.max(vec, 1)
    return idx.item()


def log_sum_exp(vec):
    max_score = vec[0, argmax(vec)]
    max_score_broadcast = max_score.view(1, -1).expand(1, vec.size()[1])
    return max_score + torch.log(torch.sum(torch.exp(vec - max_score_broadcast)))


START_TAG, STOP_TAG = "<START>", "<STOP>"


class BiLSTMCRF(nn.Module):
    def __init__(self, vocab_size, tag_to_ix, embedding_dim, hidden_dim):
        super().__init__()
        self.tag_to_ix, self.tagset_size, self.hidden_dim = tag_to_ix, len(tag_to_ix), hidden_dim
        self.word_embeds = nn.Embedding(vocab_size, embedding_dim)
        self.lstm = nn.LSTM(embedding_dim, hidden_dim // 2, num_layers=1, bidirectional=True)
        self.hidden2tag = nn.Linear(hidden_dim, self.tagset_size)
        self.transitions = nn.Parameter(torch.randn(self.tagset_size, self.tagset_size))

    def forbid(self):
        self.transitions.data[self.tag_to_ix[START_TAG], :] = -10000
        self.transitions.data[:, self.tag_to_ix[STOP_TAG]] = -10000

    def _forward_alg(self, feats):
        init_alphas = torch.full((1, self.tagset_size), -10000.0)
        init_alphas[0][self.tag_to_ix[START_TAG]] = 0.0
        forward_var = init_alphas
        for feat in feats:
            alphas_t = []
            for next_tag in range(self.tagset_size):
                emit_score = feat[next_tag].view(1, -1).expand(1, self.tagset_size)
                trans_score = self.transitions[next_tag].view(1, -1)
                next_tag_var = forward_var + trans_score + emit_score
                alphas_t.append(log_sum_exp(next_tag_var).view(1))
            forward_var = torch.cat(alphas_t).view(1, -1)
        return log_sum_exp(forward_var + self.transitions[self.tag_to_ix[STOP_TAG]])

    def _get_lstm_features(self, sentence):
        hidden = (torch.zeros(2, 1, self.hidden_dim // 2), torch.zeros(2, 1, self.hidden_dim // 2))
        embeds = self.word_embeds(sentence).view(len(sentence), 1, -1)
        lstm_out, _ = self.lstm(embeds, hidden)
        return self.hidden2tag(lstm_out.view(len(sentence), self.hidden_dim))

    def _score_sentence(self, feats, tags):
        score = torch.zeros(1)
        tags = torch.cat([torch.tensor([self.tag_to_ix[START_TAG]], dtype=torch.long), tags])
        for i, feat in enumerate(feats):
            score = score + self.transitions[tags[i + 1], tags[i]] + feat[tags[i + 1]]
        return score + self.transitions[self.tag_to_ix[STOP_TAG], tags[-1]]

    def _viterbi_decode(self, feats):
        backpointers = []
        forward_var = torch.full((1, self.tagset_size), -10000.0)
        forward_var[0][self.tag_to_ix[START_TAG]] = 0
        for feat in feats:
            bptrs_t, viterbivars_t = [], []
            for next_tag in range(self.tagset_size):
                next_tag_var = forward_var + self.transitions[next_tag]
                best_tag_id = argmax(next_tag_var)
                bptrs_t.append(best_tag_id)
                viterbivars_t.append(next_tag_var[0][best_tag_id].view(1))
            forward_var = (torch.cat(viterbivars_t) + feat).view(1, -1)
            backpointers.append(bptrs_t)
        terminal_var = forward_var + self.transitions[self.tag_to_ix[STOP_TAG]]
        best_tag_id = argmax(terminal_var)
        path_score, best_path = terminal_var[0][best_tag_id], [best_tag_id]
        for bptrs_t in reversed(backpointers):
            best_tag_id = bptrs_t[best_tag_id]
            best_path.append(best_tag_id)
        assert best_path.pop() == self.tag_to_ix[START_TAG]
        best_path.reverse()
        return path_score, best_path

    def neg_log_likelihood(self, sentence, tags):
        feats = self._get_lstm_features(sentence)
        return self._forward_alg(feats) - self._score_sentence(feats, tags)

    def forward(self, sentence):
        return self._viterbi_decode(self._get_lstm_features(sentence))


crf = redraw(BiLSTMCRF(10, {"B": 0, "I": 1, "O": 2, START_TAG: 3, STOP_TAG: 4}, 5, 4))
crf.forbid()
optimizer = optim.SGD(crf.parameters(), lr=0.05, weight_decay=1e-4)
with torch.no_grad():
    print(crf(torch.tensor(pairs[0][0])))
for _epoch in range(3):
    for sentence, tags in pairs:
        crf.zero_grad()
        loss = crf.neg_log_likelihood(torch.tensor(sentence), torch.tensor(tags, dtype=torch.long))
        loss.backward()
        optimizer.step()
    print(loss)
with torch.no_grad():
    print(crf(torch.tensor(pairs[0][0])))
print(isinstance(crf.transitions, autograd.Variable))
