"""Tables of images as people have them: manifests, field formats, exports of tools; boxes, groups and events."""

from longtail.data.manifests.formats import FORMATS, Format, format_of
from longtail.data.manifests.opened import Manifest, open_manifest, read_manifest
from longtail.data.manifests.rows import ManifestChoice, Rows

__all__ = ["FORMATS", "Format", "Manifest", "ManifestChoice", "Rows", "format_of", "open_manifest", "read_manifest"]
