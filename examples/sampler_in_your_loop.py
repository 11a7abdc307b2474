"""The sampler in a training loop of your own: class-balanced batches from any torch DataLoader.

python examples/sampler_in_your_loop.py
"""

import numpy as np
import torch
from torch.utils.data import DataLoader, TensorDataset

from longtail import Sampler, exponential_counts

labels = np.repeat(np.arange(5), exponential_counts(5, 200, 100))
dataset = TensorDataset(torch.randn(len(labels), 8), torch.from_numpy(labels))
sampler = Sampler(labels, strategy="class", seed=0)  # or "square-root", "progressive", q=0.3; rank and num_ranks
loader = DataLoader(dataset, batch_size=32, sampler=sampler)
for epoch in range(2):
    sampler.set_epoch(epoch)
    seen = torch.cat([batch_labels for _, batch_labels in loader])
    print(f"epoch {epoch}: images of each class {np.bincount(labels).tolist()}, seen {seen.bincount().tolist()}")
