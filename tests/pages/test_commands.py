"""The commands of the how-tos run as they stand, on a few small images and features."""

import re
import shlex

import pytest

from longtail.cli import main
from pages.written import DOCS, ROOT, code_blocks, commands_in, name_of

# in the order in which they are tried: what a command says, and what is typed here instead
SMALL = (
    (r"--backbone \S+ --pretrained --frozen", "--init runs/photos/checkpoints/last.pt --image-size 32 --frozen"),
    (r"--backbone (resnet50|resnet32|vit\S+)( --pretrained)?", "--backbone resnet20 --image-size 32 --workers 0"),
    (r"--arch (timm|torchvision):\w+", "--arch timm:resnet10t"),
    (r"--epochs \d+", "--epochs 1"),
    (r"--warmup-epochs \d+", "--warmup-epochs 0"),
    (r"--methods auto", "--methods joint,tau,auto"),
    (r"--seeds \d+", "--seeds 2"),
    (r"--learning-curve", "--learning-curve --curve-draws 2"),
    (
        r"^run folder --data (photos/|photos|table.csv)(?!.*--backbone)",
        r"run folder --data \1 --backbone resnet20 --image-size 32",
    ),
    (r"^(run folder (?!.*--frozen)(?!.*--epochs).*)", r"\1 --epochs 1"),
    (r"^(run folder (?!.*--methods).*)", r"\1 --methods joint,tau"),
    (r"(.*--data table.csv.*--frozen.*)", r"\1 --out runs/frozen"),
    (r"^pretrain photos/", "pretrain photos/ --epochs 1 --image-size 32 --backbone resnet20 --batch-size 16"),
    (r"^fit (?!.*--methods)(.*)", r"fit \1 --methods joint,tau,crt"),
    (r"\bRUN\b", "runs/photos"),
    (r"\bIMAGES\b", "new-photos"),
    (r"\bFEATURES\b", "embeddings"),
    (r"\bHEAD\b", "runs/photos/heads/tau.npz"),
    (r"features/(?= |$)", "embeddings/"),
)
# why a command cannot be run here, and how it is told
NOT_HERE = {
    "data of the benchmarks": r"imagenet|places-lt|inat18|cifar|\bDIR\b|IMAGENET|LISTS",
    "several processes; tests/jobs has them": r"--devices|SHARED|s3://|shards|^merge",
    "a trained network of somebody": r"\bTHEIRS\b|\.pth|\.h5|net\.pt|last_layer|rx50|PACO|fair|^fit features ",
    "a network that has to be downloaded; tests/backbones": r"hf:|weights\.pth|--adapter|--contrast|--layers|--compile",
    "comes after a training of minutes": r"--init|--teacher|--unlabelled",
    "files that are not made here": r"plankton|\.mat|\.parquet|^fit folder/|logits|other\.csv|settings\.toml|fit-birds",
    "tables of other programs; tests/data/manifests": (
        r"Snapshot|--format|datapackage|\.json|\.tsv|boxes\.csv|export|HAM10000|\.zip|\.xml|md\.|traps|images_|project"
    ),
    "minutes of training; tests/studies": r"^study (?!leakage)|dlsa|^demo|digits",
    "something is to be filled in": r"\.\.\.|METHOD|--folder",
    "paths and times that these images do not have": r"time:|folder:|\^",
    "packages that are not installed here; tests/loggers": r"--logger (?!csv)",
    "a run on other data": r"^compare|water-sample|estimated-bbse|--out RUN",
}
PAGES = [
    page
    for page in DOCS
    if page.parent.name == "how-to" or page.name in ("index.md", "faq.md", "priors.md", "files.md")
]


def typed(words):
    """What is typed here for the words of a page; None where it cannot be run."""
    line = shlex.join(words)
    for pattern, written in SMALL:
        line = re.sub(pattern, written, line)
    return None if any(re.search(pattern, " ".join(words)) for pattern in NOT_HERE.values()) else shlex.split(line)


def commands_to_run(page):
    commands = [
        words for block in code_blocks(page) if "torchrun" not in block for words in commands_in(block) if words
    ]
    lines = dict.fromkeys(shlex.join(line) for words in commands if (line := typed(words)))
    return [shlex.split(line) for line in lines]


def run_all(commands, capsys):
    for number, words in enumerate(commands):
        # two runs on the same images with other settings have each a folder of its own, two predictions a file
        apart = words[0] in ("run", "fit", "predict") and "--out" not in words and "table.csv" not in words
        place = f"runs/{number}.csv" if words[0] == "predict" else f"runs/{number}"
        status = main([*words, *(["--out", place] if apart else [])])
        told = capsys.readouterr()
        assert status == 0, f"longtail {shlex.join(words)}\n{told.err}"


def test_commands_that_take_seconds(in_sandbox, capsys):
    commands = commands_to_run(ROOT / "docs/faq.md")
    quick = [words for words in commands if words[0] in ("predict", "calibrate")]
    assert quick
    run_all(quick, capsys)


@pytest.mark.slow
@pytest.mark.parametrize("page", [page for page in PAGES if commands_to_run(page)], ids=name_of)
def test_commands_of_a_page(page, in_sandbox, capsys):
    run_all(commands_to_run(page), capsys)
