"""Classes and probabilities of one image by an exported ONNX file; needs onnxruntime, NumPy and Pillow alone.

python onnx_in_ten_lines.py model.onnx photo.jpg
"""

import json
import sys

import numpy as np
import onnxruntime
from PIL import Image, ImageOps

session = onnxruntime.InferenceSession(sys.argv[1])
about = {key: json.loads(text) for key, text in session.get_modelmeta().custom_metadata_map.items()}
kept = about["preprocessing"]
size, resize = kept["size"], kept["resize"]
image = ImageOps.exif_transpose(Image.open(sys.argv[2])).convert("RGB" if kept["channels"] == 3 else "L")
shape = (size, size) if kept["squeeze"] else tuple(resize * side // min(image.size) for side in image.size)
left, top = (round((side - size) / 2) for side in shape)
image = image.resize(shape, Image.Resampling.BILINEAR).crop((left, top, left + size, top + size))
pixels = np.asarray(image, np.uint8).reshape(1, size, size, -1).transpose(0, 3, 1, 2)
images = pixels if kept["pixels"].startswith("uint8") else pixels / np.float32(255)
_, probabilities = session.run(["logits", "probabilities"], {"images": images})
for place in probabilities[0].argsort()[::-1][:3]:
    print(f"{about['class_names'][place]}\t{probabilities[0, place]:.4f}")
