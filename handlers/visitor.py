"""What the visitor holds in the hand, by the browser's own words, and whether it is an app's own browser.

An app's browser shows pages and often does not hand a card to the wallet: its owner is told to open the page in the real one.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import urlsplit

_IN_APP = re.compile(
    r"FBAN|FBAV|FB_IAB|Instagram|Threads|Telegram|VKAndroidApp|VKClient|vk\.com|com\.vk|OKApp|ru\.ok|Line/|MicroMessenger"
    r"|WhatsApp|Viber|Snapchat|musical_ly|BytedanceWebview|TikTok|Pinterest|LinkedInApp|Twitter for|YaApp|YaSearch",
    re.IGNORECASE,
)
_WEBVIEW = re.compile(r"; wv\)")


class Platform(StrEnum):
    """What the visitor holds in the hand."""

    IPHONE = "iphone"
    ANDROID = "android"
    DESKTOP = "desktop"


@dataclass(frozen=True, slots=True)
class Visitor:
    """Who looks."""

    platform: Platform
    is_in_app: bool

    @property
    def real_browser(self) -> str:
        """The browser to open the page in."""
        return "Safari" if self.platform is Platform.IPHONE else "Chrome"


def visitor_of(user_agent: str) -> Visitor:
    """The platform and whether an app shows the page; an iPad in desktop mode says Macintosh and gets the code to scan."""
    if re.search(r"iPhone|iPod|iPad", user_agent):
        is_bare = "Safari/" not in user_agent and "AppleWebKit" in user_agent  # an app's view leaves Safari out
        return Visitor(Platform.IPHONE, bool(_IN_APP.search(user_agent)) or is_bare)
    if "Android" in user_agent:
        return Visitor(Platform.ANDROID, bool(_IN_APP.search(user_agent) or _WEBVIEW.search(user_agent)))
    return Visitor(Platform.DESKTOP, False)


def way_out(visitor: Visitor, url: str) -> str:
    """A link that opens ``url`` in the real browser where the system knows one, else empty.

    Android: https://developer.chrome.com/docs/android/intents. iOS 17 and later knows ``x-safari-https``.
    """
    parts = urlsplit(url)
    if not visitor.is_in_app or parts.scheme != "https":
        return ""
    rest = url.removeprefix("https://")
    if visitor.platform is Platform.ANDROID:
        return f"intent://{rest}#Intent;scheme=https;package=com.android.chrome;end"
    return f"x-safari-https://{rest}"
