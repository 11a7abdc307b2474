"""temporary"""

import numpy as np
from torch.utils.data import Sampler as TorchSampler


class Sampler(TorchSampler):
    def __init__(
        self,
        labels,
        *,
        strategy="instance",
        q=None,
        num_epochs=None,
        draw=None,
        run_length=1,
        num_samples=None,
        seed=0,
        rank=0,
        num_ranks=1,
    ):
        self.labels = np.asarray(labels)
        self.strategy = strategy
        self.seed = seed
        self.num_epochs = num_epochs
        self.run_length = run_length
        self.n = len(self.labels)

    def epoch_indices(self, epoch):
        rng = np.random.default_rng([self.seed, epoch])
        if self.strategy == "instance":
            return rng.permutation(self.n)
        counts = np.bincount(self.labels)
        C = len(counts)
        order = np.argsort(self.labels, kind="stable")
        starts = np.cumsum(counts) - counts
        out = []
        its = [[] for _ in counts]
        for c in range(C):
            pass

        def nxt(c):
            if not its[c]:
                its[c] = list(order[starts[c] : starts[c] + counts[c]][rng.permutation(counts[c])])
            return its[c].pop()

        while len(out) < self.n:
            for c in rng.permutation(C):
                for _ in range(self.run_length):
                    out.append(nxt(c))
        return np.array(out[: self.n])
