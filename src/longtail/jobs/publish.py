"""`longtail publish`: a run as a model repository, in a folder or on the Hugging Face hub."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from longtail.errors import InputError
from longtail.files.text import printable

__all__ = ["PublishConfig", "run"]


@dataclass(frozen=True)
class PublishConfig:
    """Write a run as a model repository that longtail, timm or transformers, and the Hugging Face hub read."""

    run: tyro.conf.Positional[Path]
    """Folder of a run of run, fit or balance; or one that was published into a folder."""
    to: str
    """New folder, or hf://user/name[@branch]."""
    method: str | None = None
    """Head of the run; default: the one that its report recommends."""
    license: Annotated[str, tyro.conf.arg(metavar="ID")] = "unknown"
    """Licence of the model, by the hub's list: apache-2.0, mit, cc-by-4.0, ..."""
    private: bool = False
    """Make a repository of the hub that its owner alone sees."""


def run(config: PublishConfig) -> str:
    """Write the folder, whole or not at all, and upload it where that was asked for; return where it is."""
    from longtail.files.hub import hub_address, require_token, uploaded
    from longtail.files.unwritable import telling_why
    from longtail.jobs.publishing.write import write_published
    from longtail.runs import Run

    address = hub_address(config.to)
    if config.private and address is None:
        raise InputError("--private is of a repository of the hub. Expected --to hf://user/name, or leave it out.")
    source = Run(config.run)
    if address is None:
        folder = Path(config.to)
        with telling_why(), _new_folder(folder) as stage:
            for line in write_published(source, stage, name=folder.resolve().name, config=config):
                print(line)
        print(f"{printable(folder)}  (README.md is its model card; longtail predict {printable(folder)} NEW)")
        return str(folder)
    require_token(address)
    with tempfile.TemporaryDirectory(prefix="longtail-") as temporary:
        stage = config.run
        if not source.is_published:
            stage = Path(temporary)
            for line in write_published(source, stage, name=address.repo.partition("/")[2], config=config):
                print(line)
        place = uploaded(stage, address, private=config.private, message=f"Publish {source.name}")
    print(f"{address}  ({place})")
    return place


@contextmanager
def _new_folder(folder: Path) -> Iterator[Path]:
    """Yield a folder beside the one that is wanted, which takes its name once the block has ended well."""
    from longtail.files.atomic import make_folder

    if folder.is_file() or (folder.is_dir() and any(folder.iterdir())):
        raise InputError(f"--to {printable(folder)}: is there already. Choose a new folder, or delete it.")
    make_folder(folder.parent)
    with tempfile.TemporaryDirectory(prefix=".longtail-", dir=folder.parent) as temporary:
        stage = Path(temporary) / "model"
        stage.mkdir()
        yield stage
        if folder.is_dir():
            folder.rmdir()
        stage.replace(folder)
