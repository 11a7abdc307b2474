# longtail with everything that it needs; the torch that pip takes computes on processors and on NVIDIA GPUs:
#   docker build -t longtail .
#   docker run --rm -v "$PWD:/work" longtail run folder --data photos/ --frozen --pretrained --backbone resnet50
#   docker run --rm --gpus all -v "$PWD:/work" longtail run folder --data photos/ --device cuda ...
# For processors alone, several GB smaller: name torch's own index of such builds
#   docker build -t longtail:cpu --build-arg TORCH_INDEX=URL .
FROM python:3.12-slim
ARG TORCH_INDEX=""
WORKDIR /src
COPY pyproject.toml README.md LICENSE CHANGELOG.md ./
COPY src src
RUN if [ -n "$TORCH_INDEX" ]; then pip install --no-cache-dir torch torchvision --index-url "$TORCH_INDEX"; fi \
    && pip install --no-cache-dir '.[onnx,parquet]' \
    && longtail --version --verbose
WORKDIR /work
ENTRYPOINT ["longtail"]
CMD ["--help"]
