"""An exported model behind HTTP: FastAPI and onnxruntime, nothing of longtail.

MODEL=model.onnx uvicorn app:app --port 8000
curl --data-binary @photo.jpg localhost:8000/predict?top=3
"""

import asyncio
import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import onnxruntime
from batching import Batcher, Overloaded
from fastapi import FastAPI, Query, Request
from fastapi.responses import JSONResponse
from images import Refused, prepared

MODEL = os.environ.get("MODEL", "model.onnx")
MOST_BYTES = int(os.environ.get("MOST_BYTES", 10_000_000))  # of an upload
MOST_PIXELS = int(os.environ.get("MOST_PIXELS", 50_000_000))  # of an image, before it is decoded
MOST_IMAGES = int(os.environ.get("MOST_IMAGES", 32))  # a call of the network
WAIT = float(os.environ.get("WAIT", 0.005))  # seconds that an image waits for others
ROOM = int(os.environ.get("ROOM", 256))  # images that may wait; more are refused
DECODERS = int(os.environ.get("DECODERS", 4))  # images that are decoded at once: each needs memory


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Load the model, and serve batches for as long as the server lives."""
    session = onnxruntime.InferenceSession(MODEL)
    about = session.get_modelmeta().custom_metadata_map
    app.state.names = json.loads(about["class_names"])
    app.state.kept = json.loads(about["preprocessing"])
    app.state.probabilities = json.loads(about.get("probabilities", '"softmax"'))
    app.state.batcher = Batcher(session, most=MOST_IMAGES, wait=WAIT, room=ROOM)
    app.state.decoders = asyncio.Semaphore(DECODERS)
    worker = asyncio.create_task(app.state.batcher.work())
    yield
    worker.cancel()


app = FastAPI(title="Image classifier", lifespan=lifespan)


@app.exception_handler(Refused)
async def refused(_request: Request, error: Refused) -> JSONResponse:
    """Tell a client what it can mend."""
    return JSONResponse({"error": error.reason}, error.status)


@app.exception_handler(Overloaded)
async def overloaded(_request: Request, _error: Overloaded) -> JSONResponse:
    """Ask a client to come back."""
    return JSONResponse({"error": "too many images wait; try again"}, 503, {"Retry-After": "1"})


@app.get("/health")
async def health(request: Request) -> dict[str, Any]:
    """Return whether it serves, and how busy it is."""
    batcher = request.app.state.batcher
    return {"status": "ok", "waiting": batcher.waiting, "images": batcher.images, "calls": batcher.calls}


@app.get("/model")
async def model(request: Request) -> dict[str, Any]:
    """Return the classes, what the probabilities are, and how images are prepared."""
    state = request.app.state
    return {"classes": state.names, "probabilities": state.probabilities, "preprocessing": state.kept}


@app.post("/predict")
async def predict(request: Request, top: int = Query(5, ge=1, le=1000)) -> dict[str, Any]:
    """Return the likeliest classes of the image that is the body of the request."""
    state, content = request.app.state, await _body(request)
    async with state.decoders:
        image = await asyncio.to_thread(prepared, content, state.kept, MOST_PIXELS)
    probabilities = await state.batcher.probabilities(image)
    order = probabilities.argsort()[::-1][:top]
    return {"top": [{"class": state.names[n], "probability": round(float(probabilities[n]), 6)} for n in order]}


async def _body(request: Request) -> bytes:
    """Read the body, and stop where it becomes too long, whatever its headers say."""
    content = bytearray()
    async for part in request.stream():
        content += part
        if len(content) > MOST_BYTES:
            raise Refused(413, f"the upload is longer than {MOST_BYTES:,} bytes")
    if not content:
        raise Refused(415, "the request has no body; expected an image")
    return bytes(content)
