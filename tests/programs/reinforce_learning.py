"""REINFORCE, actor-critic, DQN with replay memory and PPO's clipped loss on a corridor, as the examples do them."""

import random
from collections import deque, namedtuple

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
import torch.optim as optim
from torch.distributions import kl_divergence
from torch.distributions.categorical import Categorical
from torch.distributions.normal import Normal

eps = np.finfo(np.float32).eps.item()


class Corridor:
    """Walk right from 0 to 4; every step costs."""

    def reset(self, seed=None):
        self.x, self.t = 1, 0
        return self.state(), {}

    def state(self):
        return np.array([self.x / 4, self.t / 10, 1.0], dtype=np.float32)

    def step(self, action):
        self.x = max(0, self.x + (1 if action == 1 else -1))
        self.t += 1
        done, truncated = self.x == 4, self.t >= 10
        return self.state(), (10.0 if done else -1.0), done, truncated, {}


def numpy_init(model, seed=0):
    rng = np.random.default_rng(seed)
    for p in model.parameters():
        p.data.copy_(torch.from_numpy(rng.normal(0, 0.3, p.shape).astype(np.float32)))
    return model


class Scripted(random.Random):
    """The same draws for every library."""


draws = Scripted(0)


class Policy(nn.Module):
    def __init__(self):
        super().__init__()
        self.affine1 = nn.Linear(3, 16)
        self.dropout = nn.Dropout(p=0.0)
        self.action_head = nn.Linear(16, 2)
        self.value_head = nn.Linear(16, 1)
        self.saved_actions = []
        self.rewards = []

    def forward(self, x):
        x = F.relu(self.dropout(self.affine1(x)))
        return F.softmax(self.action_head(x), dim=-1), self.value_head(x)


env = Corridor()
model = numpy_init(Policy())
optimizer = optim.Adam(model.parameters(), lr=3e-2)
SavedAction = namedtuple("SavedAction", ["log_prob", "value"])
running_reward = 10


def select_action(state):
    state = torch.from_numpy(state).float()
    probs, state_value = model(state)
    m = Categorical(probs)
    assert m.sample().item() in (0, 1)
    action = torch.tensor(int(draws.random() > m.probs[0].item()))
    model.saved_actions.append(SavedAction(m.log_prob(action), state_value))
    return action.item()


def finish_episode(actor_critic):
    R, policy_losses, value_losses, returns = 0, [], [], deque()
    for r in model.rewards[::-1]:
        R = r + 0.99 * R
        returns.appendleft(R)
    returns = torch.tensor(returns)
    returns = (returns - returns.mean()) / (returns.std() + eps)
    for (log_prob, value), R in zip(model.saved_actions, returns):
        advantage = R - value.item() if actor_critic else R
        policy_losses.append(-log_prob * advantage)
        value_losses.append(F.smooth_l1_loss(value, torch.tensor([R])))
    optimizer.zero_grad()
    loss = torch.stack(policy_losses).sum()
    if actor_critic:
        loss = loss + torch.stack(value_losses).sum()
    loss.backward()
    optimizer.step()
    del model.rewards[:]
    del model.saved_actions[:]
    return loss.item()


for i_episode in range(12):
    (state, _), ep_reward = env.reset(), 0
    for t in range(1, 100):
        state, reward, terminated, truncated, _ = env.step(select_action(state))
        model.rewards.append(reward)
        ep_reward += reward
        if terminated or truncated:
            break
    running_reward = 0.05 * ep_reward + (1 - 0.05) * running_reward
    loss = finish_episode(actor_critic=i_episode >= 6)
    print(f"Episode {i_episode}\tLast reward: {ep_reward:.2f}\tAverage reward: {running_reward:.2f}\t{loss:.4f}")

Transition = namedtuple("Transition", ("state", "action", "next_state", "reward"))


class ReplayMemory:
    def __init__(self, capacity):
        self.memory = deque([], maxlen=capacity)

    def push(self, *args):
        self.memory.append(Transition(*args))

    def sample(self, batch_size):
        return draws.sample(self.memory, batch_size)

    def __len__(self):
        return len(self.memory)


class DQN(nn.Module):
    def __init__(self, n_observations, n_actions):
        super().__init__()
        self.layer1 = nn.Linear(n_observations, 16)
        self.layer2 = nn.Linear(16, n_actions)

    def forward(self, x):
        return self.layer2(F.relu(self.layer1(x)))


BATCH_SIZE, GAMMA, TAU = 8, 0.99, 0.1
device = torch.device("cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu")
policy_net = numpy_init(DQN(3, 2)).to(device)
target_net = DQN(3, 2).to(device)
target_net.load_state_dict(policy_net.state_dict())
optimizer = optim.AdamW(policy_net.parameters(), lr=1e-2, amsgrad=True)
print(optimizer)
memory = ReplayMemory(100)


def optimize_model():
    if len(memory) < BATCH_SIZE:
        return
    batch = Transition(*zip(*memory.sample(BATCH_SIZE)))
    non_final_mask = torch.tensor(
        tuple(map(lambda s: s is not None, batch.next_state)), device=device, dtype=torch.bool
    )
    non_final_next_states = torch.cat([s for s in batch.next_state if s is not None])
    state_batch, action_batch, reward_batch = torch.cat(batch.state), torch.cat(batch.action), torch.cat(batch.reward)
    state_action_values = policy_net(state_batch).gather(1, action_batch)
    next_state_values = torch.zeros(BATCH_SIZE, device=device)
    with torch.no_grad():
        next_state_values[non_final_mask] = target_net(non_final_next_states).max(1).values
    expected = (next_state_values * GAMMA) + reward_batch
    loss = nn.SmoothL1Loss()(state_action_values, expected.unsqueeze(1))
    optimizer.zero_grad()
    loss.backward()
    torch.nn.utils.clip_grad_value_(policy_net.parameters(), 100)
    optimizer.step()
    return loss


for _ in range(4):
    state, _ = env.reset()
    state = torch.tensor(state, dtype=torch.float32, device=device).unsqueeze(0)
    for t in range(10):
        if draws.random() > 0.5:
            with torch.no_grad():
                action = policy_net(state).max(1).indices.view(1, 1)
        else:
            action = torch.tensor([[draws.randrange(2)]], device=device, dtype=torch.long)
        observation, reward, terminated, truncated, _ = env.step(action.item())
        reward = torch.tensor([reward], device=device)
        next_state = None if terminated else torch.tensor(observation, device=device).unsqueeze(0)
        memory.push(state, action, next_state, reward)
        state = next_state
        loss = optimize_model()
        target_sd, policy_sd = target_net.state_dict(), policy_net.state_dict()
        for key in policy_sd:
            target_sd[key] = policy_sd[key] * TAU + target_sd[key] * (1 - TAU)
        target_net.load_state_dict(target_sd)
        if terminated or truncated:
            break
    print(t, loss, target_net.layer2.bias)


class GaussianActor(nn.Module):
    def __init__(self):
        super().__init__()
        self.log_std = nn.Parameter(torch.as_tensor(-0.5 * np.ones(2, dtype=np.float32)))
        self.mu_net = nn.Sequential(nn.Linear(3, 8), nn.Tanh(), nn.Linear(8, 2), nn.Identity())

    def forward(self, obs, act=None):
        pi = Normal(self.mu_net(obs), torch.exp(self.log_std))
        return pi, None if act is None else pi.log_prob(act).sum(axis=-1)


pi = numpy_init(GaussianActor(), 1)
print(pi)
rng = np.random.default_rng(2)
obs, act, adv = (torch.as_tensor(rng.normal(size=s), dtype=torch.float32) for s in ((20, 3), (20, 2), (20,)))
with torch.no_grad():
    old, logp_old = pi(obs, act)
opt = torch.optim.Adam(pi.parameters(), lr=0.05)
for i in range(5):
    opt.zero_grad()
    dist, logp = pi(obs, act)
    ratio = torch.exp(logp - logp_old)
    clip_adv = torch.clamp(ratio, 1 - 0.2, 1 + 0.2) * adv
    loss_pi = -(torch.min(ratio * adv, clip_adv)).mean()
    approx_kl = (logp_old - logp).mean().item()
    clipped = ratio.gt(1.2) | ratio.lt(0.8)
    clipfrac = torch.as_tensor(clipped, dtype=torch.float32).mean().item()
    loss_pi.backward()
    opt.step()
    kl = kl_divergence(old, dist).sum(-1).mean()
    print(i, loss_pi.item(), approx_kl, clipfrac, dist.entropy().mean().item(), kl.item())
