"""How the robots read an install page: the buttons, and the boxes that come before them."""

from sandbox.installpage import agreement, apple_link, google_link

PAGE = b"""<title>Club</title><a href="/i/t/card.pkpass"><img></a><a href="/i/t/google">Save</a>"""
BOXES = b"""<form method="post" action="/i/t/consents"><input type="checkbox" name="consent.processing" value="yes">
<input type="hidden" name="x" value="y"><input type="checkbox" name="consent.marketing" value="yes"></form>"""


def test_the_buttons_are_found():
    assert apple_link("https://x.com/i/t", PAGE) == "https://x.com/i/t/card.pkpass"
    assert google_link(PAGE) == "/i/t/google"
    assert agreement("https://x.com/i/t", PAGE) is None


def test_a_page_that_asks_first_is_agreed_with():
    ticked = {"consent.processing": "yes", "consent.marketing": "yes"}
    assert agreement("https://x.com/i/t", BOXES) == ("https://x.com/i/t/consents", ticked)
