"""Model repositories of the Hugging Face hub: hf://user/name[@revision], fetched and uploaded."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from longtail.errors import InputError
from longtail.files.text import printable

__all__ = ["HubAddress", "fetched", "hub_address", "require_token", "uploaded"]

# a path has lost one of the slashes
_ADDRESS = re.compile(r"hf:/{1,2}(?P<repo>[\w.-]+/[\w.-]+?)(?:@(?P<revision>[\w./-]+))?/?")
_SAFE = ("*.json", "*.safetensors", "heads/*.npz", "*.csv", "*.txt", "README.md")  # no pickle is fetched
_TOKEN = "Log in with `hf auth login`, or set HF_TOKEN"


class HubAddress(NamedTuple):
    """A model repository.

    Attributes:
        repo: "user/name".
        revision: branch, tag or commit; None: the main branch.
    """

    repo: str
    revision: str | None = None

    def __str__(self) -> str:
        return f"hf://{self.repo}{'' if self.revision is None else f'@{self.revision}'}"


def hub_address(place: Path | str) -> HubAddress | None:
    """Return the repository that a path or a text means; None where it means a place on this machine.

    Raises:
        InputError: it begins with hf:/ and goes on otherwise.

    Example:
        >>> hub_address("hf://ann/birds@v1"), hub_address(Path("hf://ann/birds")).repo, hub_address("runs/birds")
        (HubAddress(repo='ann/birds', revision='v1'), 'ann/birds', None)
    """
    text = place.as_posix() if isinstance(place, Path) else place
    if not text.startswith("hf:/"):
        return None
    match = _ADDRESS.fullmatch(text)
    if match is None:
        raise InputError(f"{printable(text)}: expected hf://user/name, or hf://user/name@revision.")
    return HubAddress(match["repo"], match["revision"])


def fetched(place: Path) -> Path:
    """Return the folder of a model: the path itself, or what was fetched from the hub, into the hub's own cache.

    Args:
        place: a path, or hf://user/name[@revision]. Settings and safetensors are fetched, and no pickle.

    Raises:
        InputError: no such repository or revision, a private one without a token, no connection, or no safetensors.
    """
    address = hub_address(place)
    if address is None:
        return place
    from huggingface_hub import snapshot_download

    with _telling(address):
        folder = Path(snapshot_download(address.repo, revision=address.revision, allow_patterns=list(_SAFE)))
    if not any(any(folder.glob(pattern)) for pattern in ("*.safetensors", "heads/*.npz")):
        raise InputError(
            f"{address}: holds no .safetensors. Weights in other formats can run code, and are not fetched: convert "
            "them there, or download the model and give its folder."
        )
    return folder


def require_token(address: HubAddress) -> None:
    """Make sure, before any work is done, that there is a token to upload with.

    Raises:
        InputError: there is none.
    """
    from huggingface_hub import get_token

    if get_token() is None:
        raise InputError(f"{address}: uploading needs a token, and there is none. {_TOKEN}.")


def uploaded(folder: Path, address: HubAddress, *, private: bool, message: str) -> str:
    """Upload a folder as a model repository, which is made where it is missing.

    Args:
        folder: all files of it are uploaded, in one commit.
        address: where to; a revision is a branch.
        private: whether a repository that is made is seen by its owner alone.
        message: of the commit.

    Returns:
        Where it can be looked at.

    Raises:
        InputError: a token that may not write there, or no connection.
    """
    from huggingface_hub import HfApi

    api = HfApi()
    with _telling(address):
        api.create_repo(address.repo, private=private, exist_ok=True)
        if address.revision is not None:
            api.create_branch(address.repo, branch=address.revision, exist_ok=True)
        done: Any = api.upload_folder(
            repo_id=address.repo, folder_path=str(folder), revision=address.revision, commit_message=message
        )
    return str(getattr(done, "commit_url", done))


@contextmanager
def _telling(address: HubAddress) -> Iterator[None]:
    """Turn what the hub's client raises into one sentence."""
    from huggingface_hub.errors import (
        GatedRepoError,
        HfHubHTTPError,
        HFValidationError,
        LocalEntryNotFoundError,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )

    try:
        yield
    except GatedRepoError as error:
        raise InputError(f"{address}: its owner asks for terms to be accepted on its page first. {_TOKEN}.") from error
    except RepositoryNotFoundError as error:
        raise InputError(f"{address}: no such repository, or a private one. {_TOKEN} if it is yours.") from error
    except RevisionNotFoundError as error:
        raise InputError(f"{address}: the repository has no revision {address.revision}.") from error
    except HFValidationError as error:
        raise InputError(f"{address}: no name of a repository ({_first_line(error)}).") from error
    except HfHubHTTPError as error:
        status = getattr(error.response, "status_code", None)
        advice = f" {_TOKEN} of one who may." if status in (401, 403) else " Try again later."
        raise InputError(f"{address}: the hub refuses ({_first_line(error)}).{advice}") from error
    except LocalEntryNotFoundError as error:
        raise InputError(
            f"{address}: the hub cannot be reached, and it was not fetched before. Connect, or give a folder."
        ) from error
    # of the network's client, which has changed more than once
    except Exception as error:
        raise InputError(f"{address}: the hub cannot be reached ({_first_line(error)}).") from error


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
