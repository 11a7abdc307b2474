"""Published settings as functions that return a job's config; the key is what a person types."""

from collections.abc import Callable

from longtail.jobs.run import RunConfig
from longtail.recipes.cifar_lt import cifar10_lt, cifar100_lt
from longtail.recipes.decoupling import imagenet_lt, imagenet_lt_mmpretrain, inat18, places_lt
from longtail.recipes.digits_lt import digits
from longtail.recipes.image_folder import folder

__all__ = [
    "RECIPES",
    "cifar10_lt",
    "cifar100_lt",
    "digits",
    "folder",
    "imagenet_lt",
    "imagenet_lt_mmpretrain",
    "inat18",
    "places_lt",
]

RECIPES: dict[str, Callable[[], RunConfig]] = {
    "cifar10-lt": cifar10_lt,
    "cifar100-lt": cifar100_lt,
    "digits": digits,
    "folder": folder,
    "imagenet-lt": imagenet_lt,
    "imagenet-lt-mmpretrain": imagenet_lt_mmpretrain,
    "inat18": inat18,
    "places-lt": places_lt,
}
