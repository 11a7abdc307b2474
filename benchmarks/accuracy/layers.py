"""Features of several blocks against those before the classifier: balanced accuracy of lda and auto on frozen features.

    python benchmarks/accuracy/layers.py PACK MODEL [--sets "last;last2;last4"] [--views "1x1;4x2"] [--rows lda,auto]

PACK is an image pack (plankton121.h5), MODEL a folder of Hugging Face (for the table of the README, a MobileNet v1
0.75 with weights of ImageNet). Each set is one `longtail run folder --frozen --layers SET`; semicolons stand between
sets, as one may be a list of layers. 4x2 is --views 4 --test-views 2. All that `auto` tries is fitted. What is chosen
is chosen on val, split off train; test is printed beside it.
"""

import argparse
import itertools
import time
from pathlib import Path
from tempfile import mkdtemp

import longtail
from longtail.features import open_feature_file

# the set of means and maxima that was tried first on this network
TRIED = ",".join([*(f"layer.{place}:mean" for place in (9, 17, 21, 23)), "layer.21:max", "layer.25:max", "last"])
SETS = f"last;last2;last4;{TRIED}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pack", type=Path)
    parser.add_argument("model", type=Path)
    parser.add_argument("--sets", default=SETS)
    parser.add_argument("--views", default="1x1", help="pairs of --views and --test-views")
    parser.add_argument("--rows", default="lda,auto", help="methods to print, of those that auto tries")
    parser.add_argument("--image-size", type=int, default=96)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, help="keep the runs here")
    given = parser.parse_args()
    folder = given.out or Path(mkdtemp())
    head = f"{'layers':<10} {'D':>5} {'views':<6} {'method':<8}"
    print(f"{head} {'val':>5} {'test':>5} {'many':>5} {'medium':>6} {'few':>5} {'s':>6}")
    for number, (layers, pair) in enumerate(itertools.product(given.sets.split(";"), given.views.split(";"))):
        views, test_views = map(int, pair.split("x"))
        started = time.perf_counter()
        run = longtail.run(
            given.pack,
            backbone=f"hf:{given.model}",
            frozen=True,
            layers=layers,
            views=views,
            test_views=test_views,
            image_size=given.image_size,
            methods="auto",
            seed=given.seed,
            quiet=True,
            out=folder / str(number),
        )
        seconds = time.perf_counter() - started
        dimension = open_feature_file(run.features / "feature_train.h5").features.shape[1]
        for name in given.rows.split(","):
            facts = run.results["methods"][name]
            val, test = facts["metrics"].get("val") or {}, facts["metrics"]["test"]
            called = layers if len(layers) < 10 else "named"
            numbers = [val.get("balanced"), *(test[part] for part in ("balanced", "many", "medium", "few"))]
            shown = [
                f"{'-' if number is None else format(number, '.1f'):>{width}}"
                for number, width in zip(numbers, (5, 5, 5, 6, 5), strict=True)
            ]
            print(f"{called:<10} {dimension:>5} {pair:<6} {name:<8} {' '.join(shown)} {seconds:>6.0f}", flush=True)


if __name__ == "__main__":
    main()
