"""What folders are for, by their names: classes, or something that is sorted otherwise."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

__all__ = [
    "SPLIT_NAMES",
    "Suspicion",
    "is_about_images",
    "is_doubtful",
    "is_unlabelled",
    "look_of_names",
    "look_of_sub_folders",
]

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
    "no_?labels?|un_?labell?ed|unlabel|not_labell?ed|without_labels?|no_?tags?|without_tags?|untagged|unannotated|"
    "not_annotated|unassigned|not_assigned|unclassified|not_classified|no_?category|no_?class|null|nan|undefined|"
    "unsorted|to_?sort|to_?label|to_be_labell?ed|to_?check|to_?review|unchecked|unreviewed|unverified|todo|inbox|"
    r"new_folder(_\d+)?|untitled(_folder)?(_\d+)?"
)
# what is of no single class by its name, and learnt as one all the same
_DOUBTFUL = re.compile(
    "unknowns?|unk|unidentified|undetermined|indet(erminate)?|unsure|uncertain|ambiguous|doubtful|dubious|unclear|none|"
    "multiple|multi_?labels?|several|mixed|rejected|rejects?|excluded?|ignored?|skip(ped)?|deleted?|removed?|unused|"
    "duplicates?|dupes?|copies|backup|bak|cache|archived?|te?mp|misc|miscellaneous"
)
_PICTURES = re.compile(
    "images?|imgs?|img8bit|jpeg_?images|png_?images|photos?|photographs?|pictures?|pics|frames|rgb|inputs?|media|raw|"
    "originals?|scans|stills|data|full|full_?size|large"
)
_DRAWN = re.compile(
    "masks?|masked|labels?|labell?ed|annotations?|annotated|annots?|ann|segmentations?|segmentation_?class|"
    "segmentation_?object|segmented|seg|gt|ground_?truths?|truth|bbox(es)?|boxes|xmls?|jsons?|txt|labels_?txt|depth|"
    "overlays?|image_?sets|trimaps?|contours|outlines|edges|polygons|heatmaps|saliency|superpixels|keypoints|landmarks|"
    "meta|metadata|meta_?data|thumbnails|thumbs?|previews|targets?|outputs?|instances?|matt(e|es|ing)|alphas?|skeletons|"
    "optical_?flow|flow|normals"
)
# what follows such a word, and says only how or of which: masks_png, gtFine, label2
_DETAIL = re.compile(r"png|jpe?g|tiff?|bmp|gif|fine|coarse|colou?r|binary|raw|instance|class|final|all|v?\d+")
_VERSIONS = re.compile(
    "originals?|augmented|augmentation|aug|cropped|crops?|resized|processed|preprocessed|raw|enhanced|denoised|"
    "normalized|segmented|colou?r|gr[ae]yscale|gr[ae]y|rgb|hsv|depth|ir|nir|thermal|infrared|visible|vis|uv|thumbs?|"
    r"thumbnails|low_?res|high_?res|hr|lr|\d+px|\d+x\d+|dermoscop(ic|y)|clinical"
)
_SPLIT = re.compile(
    "train|training|trn|tr|val|valid|validation|test|testing|tst|te|dev|eval|evaluation|holdout|heldout|trainval|"
    "minival|testdev|gallery|query|probe"
)
_BESIDE_A_SPLIT = re.compile(
    r"mini|small|large|full|set|data|dataset|images|imgs|img|public|private|challenge|cis|trans|iid|ood|id|seen|unseen|"
    r"source|target|phase|v|[a-z]|\d+"
)
_PARTS = (
    "part|parts|batch|shard|chunk|split|volume|vol|tar|zip|archive|disc|disk|download|subset|set|slice|piece|block|"
    "folder|dir|images?|imgs?|photos?|pictures?|data|dataset"
)
# what a camera, a person or an expedition sorts by; numbers or single letters follow
_GROUPS = {
    "camera": "camera|cam|kamera|camtrap|cameratrap|camera_trap|ct|trap|scanner|microscope|phone|device|sensor|ifcb",
    "place": r"site|location|loc|station|stn|plot|transect|area|zone|region|quadrat|quadrant|reef|deployment|depl|"
    r"lake|river|stream|pond|creek|park|reserve|forest|island|bay|beach|farm|field|orchard|grid|tile|sector|habitat|"
    r"place|standort|ort|hospital|clinic|center|centre|lab|country|city|village|cell|s(?=\d)",
    "sample": "sample|samples|specimen|slide|plate|well|tow|haul|net|cast|cruise|dive|scan|lesion|core|trawl|bottle|"
    "dish|tray|cage|tank|pen|colony|nest|replicate|rep|treatment|sd|sheet|roll|page|rack|lot",
    "patient": r"patient|pat|p(?=\d{3})|subject|subj|sub|case|participant|donor|mouse|rat|volunteer|"
    r"user|observer|annotator|rater|expert|photographer",
    "sequence": "sequence|seq|session|ses|visit|scene|video|vid|clip|trip|survey|run|event|burst|series|track|capture|"
    "mission|flight|drone|uav|experiment|exp|trial|round|shot|take|timepoint",
    "day": "day|night|date|week|month|year|season|quarter",
}
# behind these a name may follow too: site_north
_WITH_NAMES = "site|location|loc|station|camera|cam|deployment|transect|plot|hospital|patient|subject|photographer"
_NUMBER = r"(_?\d[\d_]*[a-z]?|_[a-z])"
_DAY, _MONTH = "(0[1-9]|[12]\\d|3[01])", "(0[1-9]|1[0-2])"
_DATE = re.compile(rf"d?(19|20)\d\d_?{_MONTH}_?{_DAY}(_?t?_?\d\d.*|_.*)?|{_DAY}_{_MONTH}_(19|20)\d\d(_.*)?")
_MONTHS = re.compile(
    "(jan(uary)?|feb(ruary)?|mar(ch)?|apr(il)?|may|june?|july?|aug(ust)?|sept?(ember)?|oct(ober)?|nov(ember)?|dec(ember)?|"
    r"q[1-4])(_?\d+)*|(19|20)\d\d_(q?\d\d?|spring|summer|autumn|fall|winter)|"
    r"(spring|summer|autumn|fall|winter)_?(19|20)?\d\d"
)
_COMPASS = re.compile("(north|south|east|west|upstream|downstream|inshore|offshore)(_?(north|south|east|west))?")
# what cameras call their files, and people the folders of them
_RECORDING = re.compile(
    r"(mvi|dscn?|dscf|gopr|gp|gx|gh|g|img|imag|rcnx|vid|dji|pict|cimg|mov|pxl|wa|ek|mfdc|stc)_?\d{4,}.*"
)
_CELL = re.compile(r"[a-z]\d\d")  # B04, of a grid or of a plate
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


def is_doubtful(name: str) -> bool:
    """Return whether a folder holds what is of no single class, by its name.

    Example:
        >>> is_doubtful("unknown"), is_doubtful("fox")
        (True, False)
    """
    return _DOUBTFUL.fullmatch(_plain(name)) is not None


def base_name(name: str) -> str:
    """Return the name of an image without words at its end that say what was made of it.

    Example:
        >>> base_name("ISIC_0000001_segmentation"), base_name("benign (1)_mask_1"), base_name("mask"), base_name("a_1")
        ('ISIC_0000001', 'benign (1)', 'mask', 'a_1')
    """
    base, rest = name, name
    while (parts := re.fullmatch(r"(.+)[\s_.\-]+([^\s_.\-]+)", rest)) is not None:
        rest, word = parts[1], parts[2].lower()
        if _DRAWN.fullmatch(word) or _VERSIONS.fullmatch(word):
            base = rest
        elif not _DETAIL.fullmatch(word):
            break
    return base


def is_about_images(name: str) -> bool:
    """Return whether a folder holds what was drawn or written about images, by its name.

    Example:
        >>> is_about_images("annotations"), is_about_images("ground_truth"), is_about_images("fox")
        (True, True, False)
    """
    return _ends_in(_DRAWN, _plain(name))


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
    inside = _annotated([_plain(name) for name in repeated], []) or _versions([_plain(name) for name in repeated], [])
    if inside is not None:
        return Suspicion(
            f"classes with {inside.looks_like} inside them: {', '.join(repeated[:3])} lie in several of them",
            "Leave one of these folders in each class.",
        )
    names = [name for name in repeated if not _is_indifferent(_plain(name))]
    if len(names) < 2 or 2 * sum(bool(folders) for folders in below.values()) <= len(below):
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
    # ISIC_2019_Training_Input, ISIC_2019_Test_Input: alike but for the split
    around = [tuple("" if _SPLIT.fullmatch(word) else word for word in name.split("_")) for name in names]
    alike = [words for words in around if "" in words and around.count(words) > 1]
    if not _most(names, _is_split) and 2 * len(alike) < max(len(names), 2):
        return None
    return Suspicion("splits of one data set", "Call them train/, val/ and test/, each with a folder for every class.")


def _versions(names: list[str], empty: list[str]) -> Suspicion | None:
    words = [word for name in names for word in name.split("_")]
    known = _number(_VERSIONS, words) + sum(
        bool(_PICTURES.fullmatch(word)) > bool(_VERSIONS.fullmatch(word)) for word in words
    )
    if len(names) < 2 or known < len(words) or not _number(_VERSIONS, words):
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
    for what, pattern in (
        *(("day", _DATE), ("year", _YEAR), ("month or season", _MONTHS), ("place", _COMPASS)),
        *(("card of a camera", _CARD), ("recording", _RECORDING), ("deployment", _UUID)),
    ):
        if len(names) > 1 and _number(pattern, names) == len(names):
            return Suspicion(f"one folder for each {what}", _AS_LIST)
    if _number(_CELL, names) == len(names) and len({name[0] for name in names}) > 1:
        return Suspicion("one folder for each cell of a grid", _AS_LIST)
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
    """Return whether a name, or its last word, is of a kind: images, ISIC_2018_input, masks_png."""
    words = name.split("_")
    while len(words) > 1 and _DETAIL.fullmatch(words[-1]) and not pattern.fullmatch(words[-1]):
        words.pop()
    return any(pattern.fullmatch(part) for part in (name, "_".join(words), words[-1], "_".join(words[-2:])))


def _number(pattern: re.Pattern[str], names: Sequence[str]) -> int:
    return sum(pattern.fullmatch(name) is not None for name in names)


def _most(names: list[str], fits: Callable[[str], object]) -> bool:
    number = sum(bool(fits(name)) for name in names)
    return number > 1 and 2 * number >= len(names)
