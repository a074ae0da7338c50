"""The demo's inbox shows what arrived, newest first, in both languages, and nothing of it runs."""

from __future__ import annotations

import aiohttp
from aiohttp import web

from sandbox import inbox
from sandbox.gateway import GatewayService
from sandbox.mail import MailService


async def test_what_arrived_is_shown_and_listed():
    async with (
        MailService() as mail,
        GatewayService(answers={"+1": 500}) as gateway,
        aiohttp.ClientSession() as session,
    ):
        runner = web.AppRunner(inbox.application(mail, gateway))
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        async with session.get(f"{url}/?lang=ru") as answer:
            assert "Пока ничего не пришло" in await answer.text()
        mail.keep("a@example.com", ["b@example.com"], "", b"Subject: Hi\r\n\r\n<script>alert(1)</script>\r\n")
        for to in ("+79161234567", "+1"):
            await session.get(gateway.url, params={"to": to, "text": "123456 is your code"})
        async with session.get(f"{url}/list") as answer:
            rows = (await answer.json())["messages"]
        assert [(row["kind"], row["to"]) for row in rows] == [("sms", "+79161234567"), ("mail", "b@example.com")]
        async with session.get(f"{url}/") as answer:
            page = await answer.text()
            assert "script-src" not in answer.headers["Content-Security-Policy"]
        assert "123456 is your code" in page
        assert "<script>" not in page
        await runner.cleanup()
