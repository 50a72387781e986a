"""Race chainrule against PyTorch: python benchmarks/run.py [--threads 1] [--rounds 7] [--only chain,linreg]

Each contender runs in a process of its own, stopped while the other runs, in turns; the smallest time of all rounds
counts. Prints microseconds a step and the ratio to PyTorch.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

CONTENDERS = ("torch", "chainrule")


def work(module: str) -> None:
    """The contender's side: for each line 'name' set up, for each line 'go' time one round, answer with a number."""
    sys.path.insert(0, str(Path(__file__).parent))
    from workloads import WORKLOADS

    T = importlib.import_module(module)
    for part in ("nn", "nn.functional", "optim", "func"):
        importlib.import_module(f"{module}.{part}")
    if module == "torch":
        T.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
    step, repeat = None, 1
    for line in sys.stdin:
        name = line.strip()
        if name != "go":
            step = WORKLOADS[name](T)
            step()
            start = time.perf_counter()
            step()
            repeat = max(1, min(2000, int(0.15 / (time.perf_counter() - start))))
        start = time.perf_counter()
        for _ in range(repeat):
            step()
        print(json.dumps((time.perf_counter() - start) / repeat * 1e6), flush=True)


class Contender:
    """A process that times steps on request, and sleeps otherwise."""

    def __init__(self, module: str) -> None:
        command = [sys.executable, __file__, "--work", module]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def ask(self, line: str) -> float:
        os.kill(self.process.pid, signal.SIGCONT)
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        answer = float(self.process.stdout.readline())
        os.kill(self.process.pid, signal.SIGSTOP)
        return answer

    def close(self) -> None:
        os.kill(self.process.pid, signal.SIGCONT)
        self.process.stdin.close()
        self.process.wait()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--only", default="")
    parser.add_argument("--work", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.work:
        work(options.work)
        return
    for name in ("OMP", "MKL", "OPENBLAS"):
        os.environ[f"{name}_NUM_THREADS"] = str(options.threads)
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: options.threads])
    sys.path.insert(0, str(Path(__file__).parent))
    from workloads import WORKLOADS

    names = options.only.split(",") if options.only else list(WORKLOADS)
    contenders = {module: Contender(module) for module in CONTENDERS}
    print("| workload | PyTorch, us | chainrule, us | ratio |\n|---|---|---|---|")
    for name in names:
        best = {module: c.ask(name) for module, c in contenders.items()}
        for _ in range(options.rounds):
            for module, c in contenders.items():
                best[module] = min(best[module], c.ask("go"))
        peer, own = best["torch"], best["chainrule"]
        print(f"| {name} | {peer:.0f} | {own:.0f} | {own / peer:.2f} |", flush=True)
    for c in contenders.values():
        c.close()


if __name__ == "__main__":
    main()
