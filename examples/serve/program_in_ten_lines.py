"""Classes and probabilities of one image by an exported program (.pt2); needs torch and torchvision alone.

python program_in_ten_lines.py model.pt2 photo.jpg      # a program is code: run your own, or those of people you trust
"""

import json
import sys

import torch
from PIL import Image, ImageOps
from torchvision.transforms import v2

texts = {"class_names.json": "", "preprocessing.json": ""}
model = torch.export.load(sys.argv[1], extra_files=texts).module()
names, kept = json.loads(texts["class_names.json"]), json.loads(texts["preprocessing.json"])
shape = [kept["size"]] * 2 if kept["squeeze"] else kept["resize"]
dtype = torch.uint8 if kept["pixels"].startswith("uint8") else torch.float32
resized = v2.Compose([v2.Resize(shape, antialias=True), v2.CenterCrop(kept["size"]), v2.ToDtype(dtype, scale=True)])
image = ImageOps.exif_transpose(Image.open(sys.argv[2])).convert("RGB" if kept["channels"] == 3 else "L")
with torch.inference_mode():
    _, probabilities = model(resized(v2.functional.pil_to_tensor(image))[None])
for place in probabilities[0].argsort(descending=True)[:3]:
    print(f"{names[place]}\t{probabilities[0, place]:.4f}")
