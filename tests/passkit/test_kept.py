"""Files that are kept: made once, each asker's own, the longest unasked for go first."""

from collections.abc import Callable

from passkit.kept import KeptFiles


def makes(made: list[str], name: str, size: int = 1) -> Callable[[], dict[str, bytes]]:
    def make() -> dict[str, bytes]:
        made.append(name)
        return {name: bytes(size)}

    return make


def test_what_was_made_of_a_content_is_not_made_again() -> None:
    kept, made = KeptFiles(10), list[str]()
    first = kept.files(b"content", "strip", makes(made, "a"))
    first.clear()  # the asker's own
    assert kept.files(b"content", "strip", makes(made, "b")) == {"a": b"\0"}
    assert made == ["a"]


def test_another_content_and_another_way_are_made_for_themselves() -> None:
    kept, made = KeptFiles(10), list[str]()
    for content, how in ((b"1", "strip"), (b"2", "strip"), (b"1", "logo")):
        name = f"{content.decode()} {how}"
        assert kept.files(content, how, makes(made, name)) == {name: b"\0"}
    assert made == ["1 strip", "2 strip", "1 logo"]


def test_past_its_bytes_the_longest_unasked_for_goes() -> None:
    kept, made = KeptFiles(10), list[str]()
    for content in (b"1", b"2", b"1", b"3"):
        kept.files(content, None, makes(made, content.decode(), 4))
    assert made == ["1", "2", "3"]
    kept.files(b"1", None, makes(made, "1", 4))
    kept.files(b"2", None, makes(made, "2 again", 4))
    assert made == ["1", "2", "3", "2 again"]


def test_what_is_larger_than_all_the_room_is_made_and_not_kept() -> None:
    kept, made = KeptFiles(10), list[str]()
    for _ in range(2):
        assert kept.files(b"1", None, makes(made, "large", 11)) == {"large": bytes(11)}
    assert made == ["large", "large"]
