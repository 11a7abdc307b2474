"""What do the verbs cost that load a network? CPU seconds of this checkout against an older one's, on next to no work.

    git worktree add ../before COMMIT
    python benchmarks/speed/start_up.py --before ../before [--repeat 5]

Each verb works on 40 images of 32 pixels or on what the verb before made of them, in a process of its own on one
thread, both checkouts in turn, after one call each that warms the caches. Prints the median CPU seconds (user and
system) of either, and their ratio. `import torch` is what none can do without.
"""

import argparse
import resource
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from checkouts import HELP, HERE, checked, environment_of

SIZE = 32
ARCH = ["--arch", "torchvision:shufflenet_v2_x0_5", "--image-size", str(SIZE)]
SMALL = ["--image-size", str(SIZE), "--batch-size", "16", "--epochs", "1", "--workers", "0", "--augmentation", "none"]
TRAINED = ["--backbone", "digits_cnn", "--warmup-epochs", "0", *SMALL]


def write_inputs(folder: Path) -> None:
    """Write 20 images for each of two classes, one of them brighter, and a network of torchvision that tells them."""
    import numpy as np
    import torch
    from torchvision import models

    from longtail.data.decode import write_png
    from longtail.heads import Joint

    rng = np.random.default_rng(0)
    images = rng.integers(0, 160, (40, 3, SIZE, SIZE), dtype=np.uint8)
    images[20:] += 90
    for number, image in enumerate(images):
        write_png(torch.from_numpy(image), folder / "photos" / ("bee", "cow")[number // 20] / f"{number:02d}.png")
    torch.manual_seed(0)
    network = models.shufflenet_v2_x0_5(weights=None, num_classes=2)
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.momentum = None  # the mean of all batches: drawn weights alone give nearly constant features
    last = network.fc
    network.fc = torch.nn.Identity()
    mean, deviation = (torch.tensor(three)[:, None, None] for three in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))
    inputs = (torch.from_numpy(images) / 255 - mean) / deviation
    with torch.no_grad():
        network.train()(inputs)
        head = Joint(random_state=0).fit(network.eval()(inputs).numpy(), np.repeat([0, 1], 20))
        last.weight.copy_(torch.from_numpy(head.weight_))
        last.bias.copy_(torch.from_numpy(head.bias_))
    network.fc = last
    torch.save(network.state_dict(), folder / "network.pt")


def verbs(made: Path, out: Path, run: Path) -> dict[str, list[str]]:
    """Return the words of each verb, in an order in which each finds what it needs."""
    photos, network = str(made / "photos"), str(made / "network.pt")
    recipe = ["folder", "--data", photos, "--methods", "joint", "--label-check", "none", *TRAINED]
    done = ["--out", str(out), "--quiet"]
    longtail = {
        "run": [*recipe, "--out", str(run), "--quiet"],
        "train": [photos, *TRAINED, *done],
        "pretrain": [photos, *TRAINED, *done],
        "extract": [str(run), photos, "--workers", "0", *done],
        "predict": [str(run), str(made / "photos/bee"), *done],
        "balance": [network, "--data", photos, "--methods", "tau", "--workers", "0", *ARCH, *done],
    }
    return {"import torch": ["-c", "import torch"]} | {
        verb: ["-m", "longtail", verb, *words] for verb, words in longtail.items()
    }


def cpu_seconds(checkout: Path, words: list[str], bytecode: Path) -> float:
    """Run Python in a process of its own; return its CPU time."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(
        [sys.executable, *words], env=environment_of(checkout, bytecode), capture_output=True, text=True
    )
    if done.returncode:
        raise SystemExit(f"{' '.join(words)} of {checkout}:\n{done.stderr}")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--before", type=Path, required=True, help=HELP)
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--only", help="verbs, with commas between; those that they need run too")
    options = parser.parse_args()
    checkouts = {"before": checked(options.before), "now": HERE}
    wanted = options.only.split(",") if options.only else None
    with tempfile.TemporaryDirectory() as name:
        made = Path(name)
        write_inputs(made)
        for verb in verbs(made, made, made):
            if wanted and verb not in ("run", *wanted):
                continue
            seconds: dict[str, list[float]] = {version: [] for version in checkouts}
            for turn in range(options.repeat + 1):
                for version, checkout in checkouts.items():
                    run = made / f"run_{version}_{turn if verb == 'run' else 0}"
                    words = verbs(made, made / f"{verb}_{version}_{turn}", run)[verb]
                    taken = cpu_seconds(checkout, words, made / f"bytecode_{version}")
                    if turn:  # the first call writes the bytecode
                        seconds[version].append(taken)
            before, now = (statistics.median(values) for values in seconds.values())
            print(f"{verb:<14}{before:6.2f} s of CPU before, {now:6.2f} now, ratio {now / before:.2f}", flush=True)


if __name__ == "__main__":
    main()
