#!/usr/bin/env bash
# CrossEntropyLoss(weight=w, label_smoothing=e): the smoothed part of an image's loss is weighed by the weights of the
# OTHER classes, and all is divided by the weight of its own. From an imbalance of (1 - e) C / e + 1 on (91 for C = 10
# and e = 0.1), with weights 1 / n_c, the loss of an image of the most common class is least where the network is sure
# that it shows the RAREST one.
#
# Expected: with weights, as without, smoothing pulls the answer towards all classes alike, and the best answer to an
# image stays its own class.
#
# torch 2.14.1, numpy 2.4.6, Python 3.11. Ten classes, smoothing 0.1, weights 1 / n_c; of an image of the most common
# class, the probabilities with the least loss:
#
#   ratio  10: own class 0.695, rarest class 0.076
#   ratio 100: own class 0.269, rarest class 0.296
#   ratio 400: own class 0.100, rarest class 0.439
#
# Fails if that changes.
set -euo pipefail
here=$(mktemp -d)
trap 'rm -rf "$here"' EXIT
python3 -m venv "$here/venv"
"$here/venv/bin/pip" install --quiet --disable-pip-version-check torch==2.14.1 numpy==2.4.6
"$here/venv/bin/python" - <<'P' | tee "$here/seen"
import torch

torch.set_default_dtype(torch.float64)
for ratio in (10, 100, 400):
    counts = 1000 * (1 / ratio) ** (torch.arange(10) / 9)
    weight = 1 / counts
    loss = torch.nn.CrossEntropyLoss(weight=weight / weight.mean(), label_smoothing=0.1)
    logits = torch.zeros(1, 10, requires_grad=True)
    optimizer = torch.optim.LBFGS([logits], max_iter=500, line_search_fn="strong_wolfe")

    def step():
        optimizer.zero_grad()
        value = loss(logits, torch.tensor([0]))
        value.backward()
        return value

    for _ in range(20):
        optimizer.step(step)
    own, rarest = logits.softmax(dim=1)[0, [0, 9]].tolist()
    print(f"ratio {ratio:3d}: own class {own:.3f}, rarest class {rarest:.3f}")
P
diff "$here/seen" - <<'EXPECTED'
ratio  10: own class 0.695, rarest class 0.076
ratio 100: own class 0.269, rarest class 0.296
ratio 400: own class 0.100, rarest class 0.439
EXPECTED
