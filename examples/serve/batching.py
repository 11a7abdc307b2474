"""Requests that come at once share a call of the network."""

import asyncio
from typing import Any

import numpy as np
import onnxruntime

__all__ = ["Batcher", "Overloaded"]


class Overloaded(Exception):
    """More images wait than there is room for."""


class Batcher:
    """Run a session on what has come: the first image waits a moment for others, and no longer.

    Args:
        session: of the model, with input `images` and output `probabilities`.
        most: images a call.
        wait: seconds that the first one waits.
        room: images that may wait.
    """

    def __init__(self, session: onnxruntime.InferenceSession, *, most: int, wait: float, room: int) -> None:
        self.session, self.most, self.wait, self.room = session, most, wait, room
        self.calls = self.images = 0
        self._waiting: asyncio.Queue[tuple[np.ndarray, asyncio.Future[np.ndarray]]] = asyncio.Queue(room)

    @property
    def waiting(self) -> int:
        """Images that wait."""
        return self._waiting.qsize()

    async def probabilities(self, image: np.ndarray) -> np.ndarray:
        """Return the probabilities (C,) of an image (channels, H, W).

        Raises:
            Overloaded: no room.
        """
        answer: asyncio.Future[np.ndarray] = asyncio.get_running_loop().create_future()
        try:
            self._waiting.put_nowait((image, answer))
        except asyncio.QueueFull:
            raise Overloaded from None
        return await answer

    async def work(self) -> None:
        """Serve for ever; one task does this."""
        while True:
            batch = [await self._waiting.get()]
            end = asyncio.get_running_loop().time() + self.wait
            while len(batch) < self.most:
                try:
                    batch.append(await asyncio.wait_for(self._waiting.get(), end - asyncio.get_running_loop().time()))
                except TimeoutError:
                    break
            await self._answer(batch)

    async def _answer(self, batch: list[tuple[np.ndarray, "asyncio.Future[np.ndarray]"]]) -> None:
        images = np.stack([image for image, _ in batch])
        try:
            result: Any = await asyncio.to_thread(self.session.run, ["probabilities"], {"images": images})
        except Exception as error:  # told to those who wait; the others are served
            for _, answer in batch:
                if not answer.done():
                    answer.set_exception(error)
            return
        self.calls, self.images = self.calls + 1, self.images + len(batch)
        for (_, answer), row in zip(batch, result[0], strict=True):
            if not answer.done():  # somebody has hung up
                answer.set_result(row)
