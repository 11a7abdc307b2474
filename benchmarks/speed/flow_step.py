"""What does one training step of DLSA's flow cost, in time and memory, against the released formulation?

Claim: at D 2048, K 500 and 1024 pairs a step takes less than a tenth of the memory of the released formulation, which
builds an array of B x K x D for each side of the pairs, and an eighth of the time.

Both sides compute the same three losses on the same flow (two autoregressive blocks of width D and batch
normalisation), backward and with a step of SGD. The released formulation: squared distances to all centres as one
broadcast array, weights multiplied by their masks in each pass. Ours: `longtail.heads.dlsa`'s step. Each side runs in a
process of its own, so that its peak memory can be read, and the two take turns. The largest relative difference of the
log-densities is printed too.

    python benchmarks/speed/flow_step.py [--batch 1024] [--clusters 500] [--dimension 2048] [--rounds 3]
"""

import argparse
import json
import resource
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from longtail.flows import FlowBatchNorm, MixtureFlow
from longtail.heads.dlsa.flow_filter import FlowPlan, fit_flow, flow_loss
from longtail.losses import ClusterBalance

STEPS = 2


class Broadcast(nn.Module):
    """The flow as it was released: masks in each pass, distances as an array of B x K x D."""

    def __init__(self, dimension: int, clusters: int) -> None:
        super().__init__()
        from zuko.flows import MaskedAutoregressiveTransform

        orders = (torch.arange(dimension), torch.arange(dimension).flip(0))
        self.blocks = nn.ModuleList(
            MaskedAutoregressiveTransform(dimension, order=order, hidden_features=(dimension, dimension))
            for order in orders
        )
        self.norms = nn.ModuleList(FlowBatchNorm(dimension) for _ in orders)
        self.register_buffer("means", 0.05 * torch.randn(1, clusters, dimension))

    def log_densities(self, x: Tensor) -> Tensor:
        total: Any = 0.0
        for block, norm in zip(self.blocks, self.norms, strict=True):
            x, of_block = block().call_and_ladj(x)
            x, of_norm = norm(x)
            total = total + of_block + of_norm
        clusters, dimension = self.means.shape[1:]
        distances = ((x[:, None, :] - self.means) ** 2).sum(dim=2)
        constant = -0.5 * dimension * np.log(2 * np.pi) - np.log(clusters)
        return constant - 0.5 * distances + total[:, None]


def plan_of(clusters: int, batch: int, precision: str) -> FlowPlan:
    """Give the published settings."""
    return FlowPlan(clusters, 0.05, 2, 1, batch, 0.2, 0.0, 2.0, 2.0, 1.0, 0.02, 0.7, None, False, precision)  # type: ignore[arg-type]


def measure(side: str, batch: int, clusters: int, dimension: int) -> dict[str, float]:
    """Run steps of one side; give the seconds of the fastest and the peak memory beyond features and weights, GiB."""
    torch.manual_seed(0)
    rng = np.random.default_rng(0)
    rows = batch * STEPS
    features = rng.standard_normal((rows, dimension), dtype=np.float32).clip(0)
    labels = rng.integers(0, 100, rows)
    if side == "released":
        flow: Any = Broadcast(dimension, clusters)
        optimizer = torch.optim.SGD(flow.parameters(), lr=0.2)
        plan, balance = plan_of(clusters, batch, "float32"), ClusterBalance(0.7)
        before, seconds = peak(), []
        for _ in range(STEPS):
            started = time.perf_counter()
            first, second = (torch.from_numpy(features[rng.integers(0, rows, batch)]) for _ in range(2))
            weights = torch.full((batch,), 0.01)
            loss = flow_loss(flow.log_densities(first), flow.log_densities(second), weights, balance, plan)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            seconds.append(time.perf_counter() - started)
    else:
        flow = MixtureFlow(dimension, clusters, scale=0.05)
        before, seconds = peak(), []
        for _ in range(2):
            started = time.perf_counter()
            plan = plan_of(clusters, batch, side)
            everything = np.arange(rows)
            fit_flow(flow, features, everything, labels, plan, seed=0, device="cpu", after_epoch=lambda epoch: None)
            seconds.append((time.perf_counter() - started) / STEPS)
    return {"seconds": min(seconds), "gib": peak() - before}


def peak() -> float:
    """Give the most memory that this process has held so far, GiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def largest_difference(clusters: int, dimension: int) -> float:
    """Compare the log-densities of both formulations, relative to their size."""
    torch.manual_seed(0)
    flow, released = MixtureFlow(dimension, clusters, scale=0.05).eval(), Broadcast(dimension, clusters).eval()
    released.means.copy_(flow.mixture.means[None])
    released.blocks.load_state_dict({**released.blocks.state_dict(), **flow.blocks.state_dict()})
    with torch.no_grad():
        x = torch.randn(16, dimension)
        ours, theirs = flow.log_densities(x), released.log_densities(x)
    return float(((ours - theirs).abs() / theirs.abs()).max())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--batch", type=int, default=1024)
    parser.add_argument("--clusters", type=int, default=500)
    parser.add_argument("--dimension", type=int, default=2048)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--side", choices=("released", "float32", "bfloat16"), help="only this, in this process")
    options = parser.parse_args()
    size = (options.batch, options.clusters, options.dimension)
    if options.side:
        if options.side == "released" and Path("/proc/self/oom_score_adj").exists():
            # it may ask for more than there is: then it is this process that goes
            Path("/proc/self/oom_score_adj").write_text("1000")
        print(json.dumps(measure(options.side, *size)))
        return
    print(f"B {size[0]}, K {size[1]}, D {size[2]}, {torch.get_num_threads()} threads")
    print(f"largest relative difference of log-densities {largest_difference(*size[1:]):.1e}")
    found: dict[str, list[dict[str, float]]] = {"released": [], "float32": [], "bfloat16": []}
    for _ in range(options.rounds):
        for side, results in found.items():
            words = [sys.executable, __file__, "--side", side]
            words += [f"--{name}={getattr(options, name)}" for name in ("batch", "clusters", "dimension")]
            done = subprocess.run(words, capture_output=True, text=True)
            if done.returncode:
                reason = "killed for want of memory" if done.returncode == -9 else done.stderr.strip().splitlines()[-1:]
                print(f"  {side:<9} stopped: {reason}", flush=True)
                continue
            results.append(json.loads(done.stdout.splitlines()[-1]))
            print(f"  {side:<9} {results[-1]['seconds']:7.2f} s a step   {results[-1]['gib']:6.2f} GiB", flush=True)
    if not found["released"]:
        return
    medians = {
        side: {name: float(np.median([one[name] for one in results])) for name in ("seconds", "gib")}
        for side, results in found.items()
        if results
    }
    base = medians["released"]
    for side in ("float32", "bfloat16"):
        ours = medians[side]
        print(
            f"{side}: {base['seconds'] / ours['seconds']:.1f} times as fast, "
            f"{ours['gib'] / base['gib']:.3f} of the memory (medians of {options.rounds})"
        )


if __name__ == "__main__":
    main()
