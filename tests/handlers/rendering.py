"""Draws drafts in this process: for tests of pages, where no payload is drawn and no process has to start."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from passkit import draft, images
from passkit.draft import Data, Mendable, Seen
from passkit.model import Brand, CardState


class Here:
    """A ``handlers.studio.rendering.Renderer``."""

    async def look(self, files: Mapping[str, bytes], brand: Brand, **asked: Any) -> Seen:
        given = {"show": Data.SAMPLE, "state": CardState.ACTIVE, "language": None, **asked}
        return await asyncio.to_thread(draft.look, files, brand, **given)

    async def problems(self, files: Mapping[str, bytes], brand: Brand) -> tuple[Mendable, ...]:
        return await asyncio.to_thread(draft.problems, files, brand)

    async def picture(self, name: str, content: bytes) -> bytes:
        return images.intake(name, content)

    def warm(self) -> None:
        """Nothing to start."""
