"""A network of PyTorch that feeds a simulator written in NumPy, trained through it.

A cart rolls with friction and comes to rest where the network's push takes it. The
simulator is an ordinary loop, compiled by chainrule; PyTorch differentiates the whole.
Changed: nothing in the simulator, one line that makes it a function of tensors.
"""

import numpy as np
import torch

import chainrule as gd


def rolled(push, friction):
    x = v = np.zeros_like(push)
    for k in range(40):
        force = push if k < 10 else 0.0
        v = v + 0.1 * (force - friction * v)
        x = x + 0.1 * v
    return x


def main():
    simulator = gd.interop.torch.function(gd.compile(rolled))
    torch.manual_seed(0)
    network = torch.nn.Sequential(
        torch.nn.Linear(1, 16), torch.nn.Tanh(), torch.nn.Linear(16, 1)
    ).double()
    friction = torch.tensor(0.5, dtype=torch.float64)
    goals = torch.linspace(-2.0, 2.0, 21, dtype=torch.float64)[:, None]
    optimizer = torch.optim.Adam(network.parameters(), lr=0.02)
    for _ in range(300):
        optimizer.zero_grad()
        missed = simulator(network(goals), friction) - goals
        loss = torch.mean(missed**2)
        loss.backward()
        optimizer.step()
    print(f"the cart misses its goal by {missed.abs().mean().item():.3f}")
    return loss.item()


if __name__ == "__main__":
    main()
