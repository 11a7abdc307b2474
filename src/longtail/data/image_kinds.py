"""Kinds of image files: those that are read here, and those that other programs know."""

from pathlib import PurePath

__all__ = ["IMAGE_SUFFIXES", "OTHER_SUFFIXES", "is_readable", "is_video", "kind_of_content", "other_suffix"]

IMAGE_SUFFIXES = frozenset({".bmp", ".gif", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"})

_RAW = "the raw file of a camera"
_SLIDE = "a whole-slide image"
_VIDEO = "a video"
# what holds images elsewhere: a folder of it is a class of images, though none of them can be read here
OTHER_SUFFIXES = {
    ".heic": "HEIC",
    ".heif": "HEIF",
    ".avif": "AVIF",
    ".jxl": "JPEG XL",
    **dict.fromkeys((".jp2", ".j2k", ".jpf", ".jpx", ".j2c", ".jpc"), "JPEG 2000"),
    **dict.fromkeys((".jfif", ".jpe", ".jfi", ".pjpeg"), "JPEG"),
    **dict.fromkeys((".pbm", ".pgm", ".ppm", ".pnm"), "a portable pixel map"),
    **dict.fromkeys((".dng", ".nef", ".cr2", ".cr3", ".crw", ".arw", ".raf", ".orf", ".rw2", ".pef", ".srw"), _RAW),
    **dict.fromkeys((".svs", ".ndpi", ".mrxs", ".scn", ".vsi", ".bif", ".qptiff"), _SLIDE),
    **dict.fromkeys((".czi", ".lif", ".nd2", ".oib", ".oif", ".lsm", ".ims"), "a file of a microscope"),
    **dict.fromkeys((".dcm", ".dicom", ".ima"), "DICOM"),
    **dict.fromkeys((".nii", ".nii.gz", ".nrrd", ".mha", ".mhd"), "a volume of medical images"),
    **dict.fromkeys((".psd", ".psb", ".xcf", ".kra"), "a file of an image editor"),
    **dict.fromkeys((".svg", ".eps", ".ai", ".pdf"), "a drawing"),
    **dict.fromkeys((".npy", ".npz", ".mat"), "an array"),
    **dict.fromkeys((".exr", ".hdr", ".pfm"), "an image of high range"),
    **dict.fromkeys((".fits", ".fit", ".fts"), "FITS"),
    **dict.fromkeys((".tga", ".ico", ".icns", ".pcx", ".dds", ".apng", ".wmf", ".emf"), "an image of another format"),
    **dict.fromkeys((".mp4", ".mov", ".avi", ".mkv", ".webm", ".mpg", ".mpeg", ".m4v", ".wmv"), _VIDEO),
    **dict.fromkeys((".zip", ".tar", ".tgz", ".tar.gz", ".7z", ".rar"), "an archive"),
}

_READABLE = (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF87a", b"GIF89a", b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_STARTS = (
    (b"version https://git-lfs", "a pointer of Git LFS in place of the image; `git lfs pull` fetches it"),
    (b"/annex/objects/", "a pointer of git-annex in place of the image; `git annex get` fetches it"),
    (b"8BPS", "a file of Photoshop"),
    (b"gimp xcf", "a file of GIMP"),
    (b"\x93NUMPY", "an array of NumPy"),
    (b"\x89HDF\r\n\x1a\n", "HDF5"),
    (b"PK\x03\x04", "an archive (zip)"),
    (b"\x1f\x8b", "compressed by gzip"),
    (b"%PDF", "PDF"),
    (b"%!PS", "PostScript"),
    (b"\xff\x0a", "JPEG XL"),
    (b"\x00\x00\x00\x0cJXL ", "JPEG XL"),
    (b"v/1\x01", "OpenEXR"),
    (b"SIMPLE  =", "FITS"),
    (b"<svg", "a drawing (SVG)"),
    (b"<?xml", "XML"),
    (b"<!doctype html", "a web page, as a download that failed leaves it"),
    (b"<html", "a web page, as a download that failed leaves it"),
)
_BRANDS = {b"avif": "AVIF", b"avis": "AVIF", b"heic": "HEIC", b"heix": "HEIC", b"hevc": "HEIC", b"mif1": "HEIF"}


def is_video(name: str) -> bool:
    """Return whether a file is a video, by its name.

    Example:
        >>> is_video("a/B.MP4"), is_video("a/b.jpg")
        (True, False)
    """
    suffix = other_suffix(name)
    return suffix is not None and OTHER_SUFFIXES[suffix] == _VIDEO


def other_suffix(name: str) -> str | None:
    """Return the ending of a file name that is an image's elsewhere; None of all others.

    Example:
        >>> other_suffix("a.b.HEIC"), other_suffix("scan.nii.gz"), other_suffix("notes.txt")
        ('.heic', '.nii.gz', None)
    """
    suffixes = [suffix.lower() for suffix in PurePath(name).suffixes[-2:]]
    return next((ending for ending in ("".join(suffixes), *suffixes[-1:]) if ending in OTHER_SUFFIXES), None)


def is_readable(first: bytes) -> bool:
    """Return whether a file begins as an image does that is read here, whatever its name.

    Args:
        first: bytes of it, 16 or more where there are so many.
    """
    is_bmp = first[:2] == b"BM" and first[6:10] == bytes(4)
    return first.startswith(_READABLE) or (first[:4] == b"RIFF" and first[8:12] == b"WEBP") or is_bmp


def kind_of_content(first: bytes) -> str | None:
    """Return in words what a file is that cannot be read as an image; None where it is nothing that is known.

    Args:
        first: bytes of it, 200 or more where there are so many.

    Example:
        >>> kind_of_content(b"version https://git-lfs.github.com/spec/v1")
        'a pointer of Git LFS in place of the image; `git lfs pull` fetches it'
        >>> kind_of_content(b"\\0\\0\\0\\x18ftypheic")
        'HEIC'
    """
    if first[4:8] == b"ftyp":
        return _BRANDS.get(first[8:12], _VIDEO)
    if first[128:132] == b"DICM":
        return "DICOM"
    text = first.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    return next((kind for start, kind in _STARTS if first.startswith(start) or text.startswith(start)), None)
