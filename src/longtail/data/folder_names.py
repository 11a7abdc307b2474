"""What folders are for, by their names: classes, or something that is sorted otherwise."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

__all__ = ["SPLIT_NAMES", "Suspicion", "is_unlabelled", "look_of_names", "look_of_sub_folders"]

SPLIT_NAMES = {
    "train": ("train", "training"),
    "val": ("val", "valid", "validation"),
    "test": ("test", "testing"),
}


@dataclass(frozen=True)
class Suspicion:
    """Why folders are probably no classes.

    Attributes:
        looks_like: what they are instead, in words.
        instead: what to do then, as a sentence.
        inside: whether the classes may lie in one of them.
    """

    looks_like: str
    instead: str
    inside: bool = False


_UNLABELLED = re.compile(
    "no_?labels?|un_?labell?ed|unlabel|not_labell?ed|without_labels?|untagged|unannotated|unassigned|unclassified|"
    "not_classified|no_?category|no_?class|unsorted|to_sort|to_label|to_be_labell?ed|todo"
)
_PICTURES = re.compile(
    "images?|imgs?|jpeg_?images|png_?images|photos?|pictures?|pics|frames|rgb|inputs?|media|raw|originals"
)
_DRAWN = re.compile(
    "masks?|labels?|annotations?|annots?|ann|segmentations?|segmentation_?class|segmentation_?object|segmented|seg|gt|"
    "ground_?truths?|truth|bbox(es)?|boxes|xmls?|jsons?|txt|labels_?txt|depth|overlays?|image_?sets|trimaps?|contours|"
    "polygons|heatmaps|superpixels|keypoints|meta|metadata|thumbnails|thumbs|previews"
)
_VERSIONS = re.compile(
    "originals?|augmented|augmentation|aug|cropped|crops|resized|processed|preprocessed|raw|enhanced|denoised|normalized|"
    "segmented|colou?r|gr[ae]yscale|gr[ae]y|rgb|depth|ir|nir|thermal|infrared"
)
_SPLIT = re.compile(
    "train|training|val|valid|validation|test|testing|dev|eval|evaluation|holdout|trainval|minival|testdev"
)
_BESIDE_A_SPLIT = re.compile(r"mini|small|large|full|set|data|dataset|images|imgs|img|public|private|challenge|x|\d+")
_PARTS = (
    "part|parts|batch|shard|chunk|split|volume|vol|tar|zip|archive|disc|disk|download|subset|set|slice|piece|block|"
    "folder|dir|images?|imgs?|photos?|pictures?|data|dataset"
)
# what a camera, a person or an expedition sorts by; numbers or single letters follow
_GROUPS = {
    "camera": "camera|cam|camtrap|cameratrap|camera_trap|ct|trap",
    "place": r"site|location|loc|station|stn|plot|transect|area|zone|region|quadrat|reef|deployment|depl|s(?=\d)",
    "sample": "sample|samples|specimen|slide|plate|well|tow|haul|net|cast|cruise|dive|scan|lesion",
    "patient": r"patient|pat|p(?=\d{3})|subject|subj|sub|case|participant|donor|mouse|volunteer",
    "sequence": "sequence|seq|session|ses|visit|scene|video|vid|clip|trip|survey|run|event|burst|series|track|capture",
    "day": "day|night|date|week|month|year",
}
# behind these a name may follow too: site_north
_WITH_NAMES = "site|location|loc|station|camera|cam|deployment|transect|plot"
_NUMBER = r"(_?\d[\d_]*[a-z]?|_[a-z])"
_DATE = re.compile(r"(19|20)\d\d_?(0[1-9]|1[0-2])_?(0[1-9]|[12]\d|3[01])(_.*)?")
_YEAR = re.compile(r"(19[5-9]\d|20[0-4]\d)")
_CARD = re.compile(r"\d{3}(?=\w*[a-z])\w{5}")  # 100CANON: what a camera calls the folders of a card
_UUID = re.compile(r"[0-9a-f]{8}(_[0-9a-f]{4}){3}_[0-9a-f]{12}")


def is_unlabelled(name: str) -> bool:
    """Return whether a folder holds what nobody has given a class, by its name.

    Example:
        >>> is_unlabelled("no_label"), is_unlabelled("Un-labelled"), is_unlabelled("unknown")
        (True, True, False)
    """
    return _UNLABELLED.fullmatch(_plain(name)) is not None


def look_of_names(names: Sequence[str], empty: Sequence[str] = ()) -> Suspicion | None:
    """Return why folders are no classes, by their names alone; None where they may be.

    Args:
        names: of the folders that hold images.
        empty: of the folders beside them that hold none.

    Example:
        >>> look_of_names(["cam_03", "cam_07"]).looks_like
        'one folder for each camera'
        >>> look_of_names(["c0", "c1"]), look_of_names(["fish_01", "fish_02"]), look_of_names(["0", "1", "2"])
        (None, None, None)
    """
    plain = [_plain(name) for name in names]
    if len(plain) < 2 and not empty:
        return None
    for look in (_annotated, _divided, _versions, _folds, _parts, _groups):
        suspicion = look(plain, [_plain(name) for name in empty])
        if suspicion is not None:
            return suspicion
    return None


def look_of_sub_folders(below: Mapping[str, Sequence[str]]) -> Suspicion | None:
    """Return why classes are probably one step further down; None where they are not.

    Args:
        below: of each folder that holds images the names of its folders that do.

    Example:
        >>> look_of_sub_folders({"2019": ["ant", "bee"], "2020": ["ant", "bee"]}).looks_like
        'folders above the classes: ant, bee lie in several of them'
        >>> look_of_sub_folders({"ant": ["images"], "bee": ["images"]})
    """
    places: dict[str, int] = {}
    for name in (name for names in below.values() for name in set(names)):
        places[name] = places.get(name, 0) + 1
    repeated = sorted(name for name, number in places.items() if number > 1)
    divided = [name for name in repeated if _is_split(_plain(name))]
    if len(divided) > 1:
        return Suspicion(
            f"classes with splits inside them: {', '.join(divided[:3])} lie in several of them",
            "Put the splits above the classes: train/ant, test/ant.",
        )
    names = [name for name in repeated if not _is_indifferent(_plain(name))]
    if len(names) < 2 or 2 * sum(bool(own) for own in below.values()) <= len(below):
        return None
    return Suspicion(
        f"folders above the classes: {', '.join(names[:3])} lie in several of them",
        "Put all images of a class into one folder.",
    )


_AS_LIST = (
    "Sort the images into a folder for each class, or make a list file of them: `path number` a line, in a file such "
    "as train.txt."
)


def _plain(name: str) -> str:
    """Return a name in small letters, its words with "_" between them."""
    parted = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name)
    return re.sub(r"[\s\-_.]+", "_", parted.lower()).strip("_")


def _annotated(names: list[str], empty: list[str]) -> Suspicion | None:
    drawn = [name for name in names if _ends_in(_DRAWN, name)]
    pictures = [name for name in names if _ends_in(_PICTURES, name) and name not in drawn]
    beside = any(_ends_in(_DRAWN, name) for name in empty)
    if not pictures or not (drawn or beside) or len(pictures) + len(drawn) < len(names):
        return None
    return Suspicion(
        "images and what was drawn or written about them",
        "Give the folder whose sub-folders are the classes; where there is none: " + _AS_LIST[0].lower() + _AS_LIST[1:],
        inside=True,
    )


def _divided(names: list[str], empty: list[str]) -> Suspicion | None:
    if not _most(names, _is_split):
        return None
    return Suspicion("splits of one data set", "Call them train/, val/ and test/, each with a folder for every class.")


def _versions(names: list[str], empty: list[str]) -> Suspicion | None:
    if len(names) < 2 or _number(_VERSIONS, names) < len(names):
        return None
    return Suspicion("versions of the same images", "Give one of them, with a folder for every class in it.")


def _folds(names: list[str], empty: list[str]) -> Suspicion | None:
    if not _most(names, lambda name: re.fullmatch(r"(.*_)?folds?_?\d+", name)):
        return None
    return Suspicion(
        "the folds of a cross-validation", "Make one list file for each split: `path number` a line, in train.txt, ..."
    )


def _parts(names: list[str], empty: list[str]) -> Suspicion | None:
    if not _most(names, lambda name: re.fullmatch(rf"(.*_)?({_PARTS})(_?\d+|_[a-z])(_?of_?\d+)?", name)):
        return None
    return Suspicion("the parts of one download", _AS_LIST)


def _groups(names: list[str], empty: list[str]) -> Suspicion | None:
    kinds = [kind for kind in map(_group_of, names) if kind is not None]
    if len(kinds) > 1 and 2 * len(kinds) >= len(names):
        return Suspicion(f"one folder for each {max(kinds, key=kinds.count)}", _AS_LIST)
    for what, pattern in (("day", _DATE), ("year", _YEAR), ("card of a camera", _CARD), ("deployment", _UUID)):
        if len(names) > 1 and all(pattern.fullmatch(name) for name in names):
            return Suspicion(f"one folder for each {what}", _AS_LIST)
    return None


def _group_of(name: str) -> str | None:
    """Return what a folder stands for that is called camera_3, s12, site_north or the like."""
    for what, words in _GROUPS.items():
        if re.fullmatch(rf"({words}){_NUMBER}", name):
            return what
    named = re.match(rf"({_WITH_NAMES})_", name)
    return next((what for what, words in _GROUPS.items() if named and re.fullmatch(words, named[1])), None)


def _is_split(name: str) -> bool:
    words = re.findall(r"[a-z]+|\d+", name)
    return 0 < _number(_SPLIT, words) == len(words) - _number(_BESIDE_A_SPLIT, words)


def _is_indifferent(name: str) -> bool:
    """Return whether such a folder below a class says nothing of classes: images, 2019, cam_3."""
    is_kind = any(kind.fullmatch(name) for kind in (_PICTURES, _VERSIONS, _DRAWN))
    return is_kind or name[:1].isdecimal() or _group_of(name) is not None


def _ends_in(pattern: re.Pattern[str], name: str) -> bool:
    """Return whether a name, or its last word, is of a kind: images, ISIC_2018_input."""
    return pattern.fullmatch(name) is not None or pattern.fullmatch(name.rpartition("_")[2]) is not None


def _number(pattern: re.Pattern[str], names: Sequence[str]) -> int:
    return sum(pattern.fullmatch(name) is not None for name in names)


def _most(names: list[str], fits: Callable[[str], object]) -> bool:
    number = sum(bool(fits(name)) for name in names)
    return number > 1 and 2 * number >= len(names)
