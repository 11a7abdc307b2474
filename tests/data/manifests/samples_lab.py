"""One small sample of each format of laboratories and annotation tools, in exactly its layout: 12 images, 3 classes."""

import csv
import json

import numpy as np
from PIL import Image

KINDS = ("crab", "egg", "worm")
LABELS = tuple(np.repeat(KINDS, (6, 4, 2)).tolist())
STEMS = tuple(f"ISIC_{number:07d}" for number in range(12))


def picture(path, seed=0):
    """Write one small image."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 256, (16, 16, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path)
    return path


def pictures(folder, names):
    for number, name in enumerate(names):
        picture(folder / name, number)


def write(path, rows, delimiter=",", *, quoting=csv.QUOTE_MINIMAL, encoding="utf-8"):
    """Write a table; the first row is its heading."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding=encoding) as file:
        csv.writer(file, delimiter=delimiter, quoting=quoting).writerows(rows)
    return path


def plain(folder):
    pictures(folder, [f"img/{stem}.png" for stem in STEMS])
    rows = ((f"img/{stem}.png", label) for stem, label in zip(STEMS, LABELS, strict=True))
    return write(folder / "table.csv", [("file", "species"), *rows])


def isic(folder):
    """ISIC 2019: ones and zeros as decimals, names without ending, lesions in another table."""
    pictures(folder / "ISIC_2019_Training_Input", [f"{stem}.jpg" for stem in STEMS])
    rows = [
        (stem, *(float(kind == label) for kind in (*KINDS, "UNK"))) for stem, label in zip(STEMS, LABELS, strict=True)
    ]
    lesions = [f"L{number // 2}" for number in range(11)] + [""]
    table = [(stem, 50, "back", lesion, "male") for stem, lesion in zip(STEMS, lesions, strict=True)]
    heading = ("image", "age_approx", "anatom_site_general", "lesion_id", "sex")
    write(folder / "ISIC_2019_Training_Metadata.csv", [heading, *table])
    return write(folder / "ISIC_2019_Training_GroundTruth.csv", [("image", *KINDS, "UNK"), *rows])


def roboflow(folder):
    """Two copies of each photograph in train; names with a blank in front."""
    names = [f"p{number // 2}_jpg.rf.{number:032x}.jpg" for number in range(12)]
    splits = ["train"] * 4 + ["valid", "test"] + ["train"] * 2 + ["valid", "test"] + ["train"] * 2
    for split in ("train", "valid", "test"):
        rows = [
            (name, *(int(kind == label) for kind in KINDS))
            for name, label, of in zip(names, LABELS, splits, strict=True)
            if of == split
        ]
        pictures(folder / split, [name for name, *_ in rows])
        write(folder / split / "_classes.csv", [("filename", *(f" {kind}" for kind in KINDS)), *rows])
    return folder


def ecotaxa_rows(sub_folder=""):
    """Six objects of two images each; all labels are validated."""
    heading = ("img_file_name", "img_rank", "object_id", "object_annotation_status", "object_annotation_category")
    rows = [
        (f"{sub_folder}o{number // 2}_{number % 2}.png", number % 2, f"o{number // 2}", "validated", label, "net1")
        for number, label in enumerate(LABELS)
    ]
    return [(*heading, "sample_id"), *rows]


def ecotaxa(folder):
    """A backup: a folder a sample, a line of types, a mark in front, words between quotes."""
    heading, *rows = ecotaxa_rows()
    for sample, some in (("net1", rows[:8]), ("net2", rows[8:])):
        some = [(*row[:-1], sample) for row in some]
        table = [heading, ["[t]", "[f]", *["[t]"] * 4], *some]
        path = folder / sample / f"ecotaxa_{sample}.tsv"
        write(path, table, "\t", quoting=csv.QUOTE_NONNUMERIC, encoding="utf-8-sig")
        pictures(folder / sample, [row[0] for row in some])
    return folder


META = """<?xml version="1.0" encoding="UTF-8"?>
<archive xmlns="http://rs.tdwg.org/dwc/text/" metadata="metadata.xml">
  <core encoding="UTF-8" fieldsTerminatedBy="\\t" linesTerminatedBy="\\n" fieldsEnclosedBy="" ignoreHeaderLines="1"
        rowType="http://rs.tdwg.org/dwc/terms/Occurrence">
    <files><location>occurrence.txt</location></files>
    <id index="0"/>
    <field index="0" term="http://rs.gbif.org/terms/1.0/gbifID"/>
    <field index="1" term="http://rs.tdwg.org/dwc/terms/scientificName"/>
    <field index="2" term="http://rs.tdwg.org/dwc/terms/locationID"/>
    <field term="http://rs.tdwg.org/dwc/terms/datasetID" default="d1"/>
  </core>
  <extension encoding="UTF-8" rowType="http://rs.gbif.org/terms/1.0/Multimedia">
    <files><location>multimedia.csv</location></files>
    <coreid index="0"/>
    <field index="1" term="http://purl.org/dc/terms/type"/>
    <field index="2" term="http://purl.org/dc/terms/identifier"/>
  </extension>
</archive>
"""


def darwin_core(folder):
    """Two pictures of each occurrence; the extension has the standard's marks: commas, quotes and no heading."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "meta.xml").write_text(META)
    core = [("anything", "may", "stand here")]
    core += [(f"{900 + k}", LABELS[2 * k], f"lake {k % 2}") for k in range(6)]
    (folder / "occurrence.txt").write_text("".join("\t".join(row) + "\n" for row in core))
    media = [(f"{900 + k // 2}", "StillImage", f"pictures/{STEMS[k]}.png") for k in range(12)]
    write(folder / "multimedia.csv", media, quoting=csv.QUOTE_ALL)
    pictures(folder / "pictures", [f"{stem}.png" for stem in STEMS])
    return folder / "meta.xml"


def task(number, image, *choices, **more):
    """A task of Label Studio that annotators chose classes for."""
    annotations = [
        {
            "id": 10 * number + at,
            "completed_by": at,
            "was_cancelled": False,
            "lead_time": 1.5,
            "result": [
                {
                    "from_name": "choice",
                    "to_name": "image",
                    "type": "choices",
                    "value": {"choices": [choice]},
                    "id": "x",
                }
            ],
        }
        for at, choice in enumerate(choices)
    ]
    return {"id": number, "data": {"image": image, **more}, "annotations": annotations, "predictions": [], "project": 3}


def label_studio(folder):
    """Images under the names that they had before they were uploaded."""
    pictures(folder, [f"{stem}.png" for stem in STEMS])
    tasks = [
        task(number, f"/data/upload/3/{number:08x}-{stem}.png", label, site=f"s{number % 3}")
        for number, (stem, label) in enumerate(zip(STEMS, LABELS, strict=True))
    ]
    (folder / "project-3.json").write_text(json.dumps(tasks))
    return folder / "project-3.json"


def cvat(folder, kind="tag"):
    """CVAT for images 1.1, with tags, or boxes of four pixels."""
    pictures(folder / "images", [f"{stem}.png" for stem in STEMS])
    inner = {
        "tag": '<tag label="{label}" source="manual"></tag>',
        "box": '<box label="{label}" xtl="4" ytl="8" xbr="8" ybr="12" occluded="0" z_order="0"></box>',
    }[kind]
    images = "".join(
        f'<image id="{number}" name="{stem}.png" width="16" height="16">{inner.format(label=label)}</image>'
        for number, (stem, label) in enumerate(zip(STEMS, LABELS, strict=True))
    )
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "annotations.xml"
    path.write_text(f'<?xml version="1.0" encoding="utf-8"?><annotations><version>1.1</version>{images}</annotations>')
    return path


SAMPLES = {
    "table": plain,
    "isic": isic,
    "roboflow": roboflow,
    "ecotaxa": ecotaxa,
    "darwin-core": darwin_core,
    "label-studio": label_studio,
    "cvat": cvat,
}
