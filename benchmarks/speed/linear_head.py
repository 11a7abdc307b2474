"""How close does training a linear head come to the bare matrix products, and how does it compare with other ways?

Target: cRT at the size of ImageNet-LT (115,846 x 2048 features, 1000 classes, batches of 512, 10 epochs) takes at most
1.15 times as long, in bfloat16 1.4 times, as what it cannot do without: per step the logits (512 x 2048 times 2048 x
1000) and the gradient of the weights (1000 x 512 times 512 x 2048), in the same precision, into memory that is reused,
and the update of weights and momentum (1000 x 2048, float32). The ratio to the products alone is printed too.

`--steps` compares steps instead of fits: the written-out gradient, the same by autograd, and the floor take turns, in
CPU seconds, which other work on the machine disturbs less. `--quick` does so at a small size.

Beside it, on the same features: the loop that everybody writes (DataLoader over a TensorDataset, WeightedRandomSampler,
SGD with the same settings), and scikit-learn's LogisticRegression(class_weight="balanced"): seconds for the same number
of epochs, and until each reaches the balanced accuracy of 10 epochs of cRT on validation data less half a point. cRT
has to decide on its epochs before it starts: the time is that of the shortest fit that gets there. Checks of accuracy
are not timed. scikit-learn goes on from where it was after each 5 iterations, which forgets the curvature it has seen.

Made-up features around random centres, with the counts of ImageNet-LT. The products are timed right before and after
each fit, since other work on the machine comes and goes. Where it keeps the cores busy, set OMP_WAIT_POLICY=passive:
threads that spin while they wait for each other take the time of the one that they wait for.

    python benchmarks/speed/linear_head.py [--scale small] [--repeat 3] [--budget 600] [--steps] [--quick]
"""

import argparse
import time
import warnings
from collections.abc import Callable

import numpy as np
import torch
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import balanced_accuracy_score
from torch.utils.data import DataLoader, TensorDataset, WeightedRandomSampler

from longtail.counts import exponential_counts
from longtail.data.published import published_counts
from longtail.heads import ClassifierRetraining
from longtail.heads.descent import SGDPlan, descend
from longtail.heads.linear_training import fit_by_sgd, initial_linear
from longtail.heads.optimizers import SGD
from longtail.heads.precision import Precision
from longtail.heads.standardisation import Standardisation
from longtail.heads.trained_layers import LinearLayer
from longtail.sampling import Sampler
from longtail.schedules import Schedule

BATCH, EPOCHS, TIMED_STEPS, STEPPED_EPOCHS, MARGIN = 512, 10, 40, 5, 0.5
PRECISIONS: dict[Precision, torch.dtype] = {"float32": torch.float32, "bfloat16": torch.bfloat16}

Split = tuple[np.ndarray, np.ndarray]


def make_problem(scale: str) -> tuple[Split, Split]:
    """Draw long-tailed training features and balanced validation features around the same centres."""
    if scale == "small":
        counts, dimension, distance = exponential_counts(100, 500, 50), 256, 0.3
    else:
        counts, dimension, distance = published_counts("imagenet-lt"), 2048, 0.2
    rng = np.random.default_rng(0)
    # a few directions vary much and most vary little, as in a network's features: it is what takes many steps
    spread = (np.arange(1, dimension + 1) ** -0.5).astype(np.float32)
    spread *= 20 / np.linalg.norm(spread)  # about as long as those of a ResNet
    centers = distance * rng.normal(size=(len(counts), dimension)).astype(np.float32)

    def draw(labels: np.ndarray) -> Split:
        features = rng.standard_normal((len(labels), dimension), dtype=np.float32)
        features += centers[labels]
        features *= spread
        return features, labels

    train = draw(rng.permutation(np.repeat(np.arange(len(counts)), counts)))
    return train, draw(np.repeat(np.arange(len(counts)), 20))


def floor_seconds(
    dimension: int, num_classes: int, dtype: torch.dtype, clock: Callable[[], float] = time.perf_counter
) -> tuple[list[float], list[float]]:
    """Time the two products of one step, and the update, some steps in a row."""
    rows, weight = torch.randn(BATCH, dimension).to(dtype), torch.randn(num_classes, dimension).to(dtype)
    error, gradient = torch.randn(BATCH, num_classes).to(dtype), torch.empty_like(weight)
    logits, trained = torch.empty_like(error), torch.randn(num_classes, dimension)
    trained.grad = torch.randn_like(trained)
    optimizer = SGD([trained], momentum=0.9, weight_decay=5e-4)
    products, updates = [], []
    for _ in range(TIMED_STEPS):
        started = clock()
        torch.mm(rows, weight.T, out=logits)
        torch.mm(error.T, rows, out=gradient)
        multiplied = clock()
        optimizer.step(1e-6)
        products.append(multiplied - started)
        updates.append(clock() - multiplied)
    return products, updates


def step_seconds(train: Split, precision: Precision, autograd: bool) -> float:
    """Train some epochs on standardised rows; give the CPU seconds of a step."""
    features, labels = train
    num_classes, dimension = int(labels.max()) + 1, features.shape[1]
    weight, bias = initial_linear(num_classes, dimension, 0, torch.float32)
    plan = SGDPlan(STEPPED_EPOCHS, BATCH, 0.2, 0.9, 5e-4, Schedule("cosine-epoch"), precision)
    sampler = Sampler(labels, strategy="class", run_length=4, seed=0)
    rows = Standardisation(torch.zeros(dimension).double(), torch.ones(dimension).double()).rows(features)
    started = time.process_time()
    if autograd:
        fit_by_sgd(rows, labels, [weight, bias], lambda x: torch.addmm(bias, x, weight.T), plan=plan, sampler=sampler)
    else:
        descend(rows, labels, LinearLayer(weight, bias, precision), plan=plan, sampler=sampler)
    return (time.process_time() - started) / (STEPPED_EPOCHS * (len(labels) // BATCH))


def compare_steps(train: Split, repeat: int) -> None:
    """Print what a step costs written out, by autograd, and at least."""
    num_classes, dimension = int(train[1].max()) + 1, train[0].shape[1]
    for precision in PRECISIONS:
        sides: dict[bool, list[float]] = {False: [], True: []}
        products: list[float] = []
        updates: list[float] = []
        for _ in range(repeat):
            for autograd, seconds in sides.items():
                floor = floor_seconds(dimension, num_classes, PRECISIONS[precision], time.process_time)
                products, updates = products + floor[0], updates + floor[1]
                seconds.append(step_seconds(train, precision, autograd))
        ours, theirs = (1000 * float(np.median(seconds)) for seconds in sides.values())
        product, update = 1000 * float(np.median(products)), 1000 * float(np.median(updates))
        print(
            f"{precision:<9} a step {ours:.2f} ms of CPU, by autograd {theirs:.2f} ({theirs / ours:.2f} times); "
            f"products {product:.2f} + update {update:.2f}: {ours / (product + update):.2f} times that",
            flush=True,
        )


def balanced(predict: Callable[[np.ndarray], np.ndarray], validation: Split) -> float:
    """Give the balanced accuracy in percent."""
    return 100 * float(balanced_accuracy_score(validation[1], predict(validation[0])))


def plain_loop(train: Split, validation: Split, target: float) -> tuple[float, str]:
    """Train the loop that everybody writes for 10 epochs; give its seconds an epoch, and when it reached the target."""
    features, labels = torch.from_numpy(train[0]), torch.from_numpy(train[1])
    weights = (1 / torch.bincount(labels).double())[labels]
    sampler = WeightedRandomSampler(weights, len(labels))  # type: ignore[arg-type]
    loader = DataLoader(TensorDataset(features, labels), BATCH, sampler=sampler)
    torch.manual_seed(0)
    layer = torch.nn.Linear(features.shape[1], int(labels.max()) + 1)
    optimizer = torch.optim.SGD(layer.parameters(), lr=0.2, momentum=0.9, weight_decay=5e-4)
    seconds: list[float] = []
    outcome = "target not reached"
    for epoch in range(EPOCHS):
        started = time.perf_counter()
        optimizer.param_groups[0]["lr"] = 0.2 * Schedule("cosine-epoch").factor(epoch, 0, 1, EPOCHS)
        for rows, target_class in loader:
            optimizer.zero_grad()
            torch.nn.functional.cross_entropy(layer(rows), target_class).backward()
            optimizer.step()
        seconds.append(time.perf_counter() - started)
        with torch.inference_mode():
            reached = balanced(lambda x: layer(torch.from_numpy(x)).argmax(dim=1).numpy(), validation)
        if reached >= target and "not" in outcome:
            outcome = f"target reached after {epoch + 1} epochs, {sum(seconds):.1f} s"
    return float(np.median(seconds)), f"{sum(seconds):8.1f} s   {reached:5.1f} % in the end; {outcome}"


def fewest_epochs(train: Split, validation: Split, target: float, precision: str) -> str:
    """Fit cRT with more and more epochs, each fit with its own schedule, until one reaches the target."""
    for epochs in (2, 4, 7, EPOCHS):
        started = time.perf_counter()
        head = ClassifierRetraining(epochs=epochs, precision=precision, random_state=0).fit(*train)
        seconds, reached = time.perf_counter() - started, balanced(head.predict, validation)
        if reached >= target:
            return f"{seconds:8.1f} s   {reached:5.1f} %, target reached by a fit of {epochs} epochs"
    return f"{seconds:8.1f} s   {reached:5.1f} %, target not reached"


def logistic_regression(train: Split, validation: Split, target: float, budget: float) -> str:
    """Run scikit-learn's solver in pieces until it reaches the target or has used up the time."""
    model = LogisticRegression(class_weight="balanced", warm_start=True, max_iter=5)
    seconds, iterations, reached = 0.0, 0, 0.0
    while seconds < budget:
        started = time.perf_counter()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            model.fit(*train)
        seconds += time.perf_counter() - started
        iterations += int(model.n_iter_[0])
        reached = balanced(model.predict, validation)
        if reached >= target or model.n_iter_[0] < model.max_iter:
            break
    outcome = (
        "target reached" if reached >= target else "budget used up" if seconds >= budget else "converged short of it"
    )
    return f"{seconds:8.1f} s   {reached:5.1f} %, {outcome} after {iterations} iterations"


def main() -> None:
    """Run all sides and print medians and ratios."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scale", choices=["full", "small"], default="full")
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--budget", type=float, default=600, help="seconds for scikit-learn")
    parser.add_argument("--steps", action="store_true", help="single steps in CPU seconds, and nothing else")
    parser.add_argument("--quick", action="store_true", help="the same at a small size")
    arguments = parser.parse_args()
    train, validation = make_problem("small" if arguments.quick else arguments.scale)
    if arguments.steps or arguments.quick:
        compare_steps(tuple(part[: 40 * BATCH] for part in train), arguments.repeat)  # type: ignore[arg-type]
        return
    (num_rows, dimension), num_classes = train[0].shape, int(train[1].max()) + 1
    steps = EPOCHS * (num_rows // BATCH)
    print(
        f"{num_rows:,} x {dimension} float32, {num_classes} classes, {steps:,} steps, {torch.get_num_threads()} threads"
    )
    reached, whole = 0.0, {}
    for precision, dtype in PRECISIONS.items():
        fits, products_alone, floors = [], [], []
        for repeat in range(arguments.repeat):
            products, updates = floor_seconds(dimension, num_classes, dtype)
            started = time.perf_counter()
            head = ClassifierRetraining(epochs=EPOCHS, precision=precision, random_state=repeat).fit(*train)
            fits.append(time.perf_counter() - started)
            after = floor_seconds(dimension, num_classes, dtype)
            products_alone.append(steps * float(np.median(products + after[0])))
            floors.append(products_alone[-1] + steps * float(np.median(updates + after[1])))
            accuracy = balanced(head.predict, validation)
            print(
                f"cRT {precision:<9}{fits[-1]:8.1f} s   {accuracy:5.1f} %   its products {products_alone[-1]:.1f} s, "
                f"with the update {floors[-1]:.1f} s",
                flush=True,
            )
            reached = reached or accuracy
        whole[precision] = float(np.median(fits))
        ratio, alone = (float(np.median(np.array(fits) / np.array(other))) for other in (floors, products_alone))
        print(
            f"cRT {precision}: median {whole[precision]:.1f} s, {ratio:.2f} times its products and update, "
            f"{alone:.2f} times its products",
            flush=True,
        )
    target = reached - MARGIN
    print(f"target: {target:.1f} % balanced accuracy, {MARGIN} below that of the first fit")
    for precision in whole:
        print(f"cRT {precision:<9} {fewest_epochs(train, validation, target, precision)}", flush=True)
    epoch_seconds, outcome = plain_loop(train, validation, target)
    ratios = ", ".join(f"{EPOCHS * epoch_seconds / s:.2f} times cRT {precision}" for precision, s in whole.items())
    print(f"plain loop    {outcome}; {EPOCHS} epochs at the median epoch: {ratios}", flush=True)
    print(f"scikit-learn  {logistic_regression(train, validation, target, arguments.budget)}")


if __name__ == "__main__":
    main()
