"""Published settings as functions that return a job's config; the key is what a person types."""

from collections.abc import Callable

from longtail.jobs.run import RunConfig
from longtail.recipes.balanced_contrast import (
    cifar10_lt_proco,
    cifar100_lt_proco,
    imagenet_lt_bcl,
    imagenet_lt_proco,
    inat18_bcl,
    inat18_proco,
)
from longtail.recipes.cifar_lt import cifar10_lt, cifar100_lt
from longtail.recipes.decoupling import imagenet_lt, imagenet_lt_mmpretrain, inat18, places_lt
from longtail.recipes.digits_lt import digits
from longtail.recipes.experts import (
    cifar10_lt_ride,
    cifar10_lt_sade,
    cifar100_lt_ride,
    cifar100_lt_sade,
    imagenet_lt_ride,
    imagenet_lt_sade,
    inat18_ride,
    inat18_sade,
)
from longtail.recipes.image_folder import folder
from longtail.recipes.lift import imagenet_lt_lift, inat18_lift, lift, places_lt_lift
from longtail.recipes.parametric_contrast import (
    cifar100_lt_gpaco,
    cifar100_lt_paco,
    imagenet_lt_gpaco,
    imagenet_lt_paco,
    inat18_gpaco,
    inat18_paco,
    places_lt_gpaco,
    places_lt_paco,
)

__all__ = [
    "RECIPES",
    "cifar10_lt",
    "cifar10_lt_proco",
    "cifar10_lt_ride",
    "cifar10_lt_sade",
    "cifar100_lt",
    "cifar100_lt_gpaco",
    "cifar100_lt_paco",
    "cifar100_lt_proco",
    "cifar100_lt_ride",
    "cifar100_lt_sade",
    "digits",
    "folder",
    "imagenet_lt",
    "imagenet_lt_bcl",
    "imagenet_lt_gpaco",
    "imagenet_lt_lift",
    "imagenet_lt_mmpretrain",
    "imagenet_lt_paco",
    "imagenet_lt_proco",
    "imagenet_lt_ride",
    "imagenet_lt_sade",
    "inat18",
    "inat18_bcl",
    "inat18_gpaco",
    "inat18_lift",
    "inat18_paco",
    "inat18_proco",
    "inat18_ride",
    "inat18_sade",
    "lift",
    "places_lt",
    "places_lt_gpaco",
    "places_lt_lift",
    "places_lt_paco",
]

RECIPES: dict[str, Callable[[], RunConfig]] = {
    "cifar10-lt": cifar10_lt,
    "cifar10-lt-proco": cifar10_lt_proco,
    "cifar10-lt-ride": cifar10_lt_ride,
    "cifar10-lt-sade": cifar10_lt_sade,
    "cifar100-lt": cifar100_lt,
    "cifar100-lt-gpaco": cifar100_lt_gpaco,
    "cifar100-lt-paco": cifar100_lt_paco,
    "cifar100-lt-proco": cifar100_lt_proco,
    "cifar100-lt-ride": cifar100_lt_ride,
    "cifar100-lt-sade": cifar100_lt_sade,
    "digits": digits,
    "folder": folder,
    "imagenet-lt": imagenet_lt,
    "imagenet-lt-bcl": imagenet_lt_bcl,
    "imagenet-lt-gpaco": imagenet_lt_gpaco,
    "imagenet-lt-lift": imagenet_lt_lift,
    "imagenet-lt-mmpretrain": imagenet_lt_mmpretrain,
    "imagenet-lt-paco": imagenet_lt_paco,
    "imagenet-lt-proco": imagenet_lt_proco,
    "imagenet-lt-ride": imagenet_lt_ride,
    "imagenet-lt-sade": imagenet_lt_sade,
    "inat18": inat18,
    "inat18-bcl": inat18_bcl,
    "inat18-gpaco": inat18_gpaco,
    "inat18-lift": inat18_lift,
    "inat18-paco": inat18_paco,
    "inat18-proco": inat18_proco,
    "inat18-ride": inat18_ride,
    "inat18-sade": inat18_sade,
    "lift": lift,
    "places-lt": places_lt,
    "places-lt-gpaco": places_lt_gpaco,
    "places-lt-lift": places_lt_lift,
    "places-lt-paco": places_lt_paco,
}
