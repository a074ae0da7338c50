"""The rules of ``limits`` about pictures."""

from __future__ import annotations

from collections.abc import Iterator

from passkit.errors import ImageError
from passkit.images import SCALES, SLOTS, exact_box, size, slot_of
from passkit.limits_reading import Found, every_field, names_in, shown_style
from passkit.schema import Template
from passkit.schemacheck import pointer
from passkit.stamps import places

SOFT_BELOW = 2
"""A picture with fewer pixels than @2x looks soft on every iPhone sold since 2010."""
MUCH = 0.5
"""Share of a picture that a crop may take before we say so."""


def _named(template: Template) -> Iterator[tuple[str, str, str]]:
    """(JSON pointer, slot, file), the localised ones and the variants' too."""
    for slot, name in template.images.items():
        yield pointer("images", slot), slot, name
    for language, slots in template.localized_images.items():
        for slot, name in slots.items():
            yield pointer("localized_images", language, slot), slot, name
    for index, variant in enumerate(template.variants):
        for slot, name in variant.images.items():
            yield pointer("variants", index, "images", slot), slot, name


def _stamped(template: Template) -> Iterator[tuple[str, str]]:
    """(JSON pointer, file) of what stamps are drawn with."""
    for key in ("icon", "empty", "last", "last_empty"):
        if template.stamps and (name := getattr(template.stamps, key)) is not None:
            yield pointer("stamps", key), name


def _measured(template: Template) -> Iterator[tuple[str, str, tuple[int, int]]]:
    for place, slot, name in _named(template):
        if name in template.files:
            try:
                yield place, slot, size(template.files[name])
            except ImageError:
                continue  # ``unreadable`` says so


def no_icon(template: Template) -> Iterator[Found]:
    """The icon is what the lock screen and Mail show; without it the pass is no pass."""
    if "icon" not in template.images:
        yield "/images", "the icon is missing, and without it no Apple device opens the pass", "Add `icon: icon.png`."


def unreadable(template: Template) -> Iterator[Found]:
    """A file that is no picture we take."""
    for place, name in (*((place, name) for place, _, name in _named(template)), *_stamped(template)):
        if name in template.files:
            try:
                size(template.files[name])
            except ImageError as error:
                yield place, f"{name} is not a picture we take: {error}", "Put a PNG, JPEG or WebP there."


def not_drawn(template: Template) -> Iterator[Found]:
    """A slot that none of the template's styles draws."""
    styles = shown_style(template)
    for place, slot, _ in _named(template):
        if not SLOTS[slot].styles & styles:
            takes = ", ".join(name for name, known in SLOTS.items() if known.styles & styles)
            yield place, f"a {template.style} never draws `{slot}`", f"Remove it; {template.style} draws: {takes}."
    if template.stamps and not SLOTS[template.stamps.slot].styles & styles:
        detail = f"a {template.style} never draws `{template.stamps.slot}`, so nobody sees the stamps"
        yield "/stamps/slot", detail, "Take a slot that it draws, such as strip on a storeCard."


def excluded_by_strip(template: Template) -> Iterator[Found]:
    """An event ticket with a strip draws neither background nor thumbnail."""
    if "eventTicket" in shown_style(template) and "strip" in template.images:
        for slot in ("background", "thumbnail"):
            if slot in template.images:
                detail = f"an event ticket with a strip does not draw `{slot}`"
                yield pointer("images", slot), detail, "Keep the strip, or background and thumbnail."


def too_small(template: Template) -> Iterator[Found]:
    """Fewer pixels than @2x needs."""
    for place, slot, (width, height) in _measured(template):
        known = slot_of(template.style, slot) or SLOTS[slot]
        need = known.width * SOFT_BELOW, known.height * SOFT_BELOW
        short = width < need[0] or height < need[1] if known.exact else width < need[0] and height < need[1]
        if short:
            best = f"{known.width * 3} x {known.height * 3}"
            detail = f"{width} x {height} pixels are too few for `{slot}`: it will look soft"
            yield place, detail, f"Use a picture of {best} pixels."


def much_cut_off(template: Template) -> Iterator[Found]:
    """An exact slot of quite another shape."""
    for place, slot, (width, height) in _measured(template):
        known = slot_of(template.style, slot) or SLOTS[slot]
        shape = (width / height) / (known.width / known.height)
        if known.exact and min(shape, 1 / shape) < MUCH and slot not in template.image_focus:
            cut = round(100 * (1 - min(shape, 1 / shape)))
            fix = f"Use {known.width * 3} x {known.height * 3} pixels, or set `image_focus` to what must stay in sight."
            yield place, f"{cut}% of the picture is cut off to fit `{slot}`", fix


def unused_files(template: Template) -> Iterator[Found]:
    """A picture beside template.yaml that no slot names: a wrong name is ignored in silence."""
    used = {name for _, _, name in _named(template)} | {name for _, name in _stamped(template)}
    for name in sorted(set(template.files) - used):
        if name.rpartition(".")[2].lower() in ("png", "jpg", "jpeg", "webp"):
            yield (
                "/images",
                f"{name} lies beside template.yaml but no slot names it",
                "Name it under `images`, or delete it.",
            )


def poster_without_pictures(template: Template) -> Iterator[Found]:
    """What a poster is made of."""
    if template.style == "posterGeneric":
        for slot, what in (("artwork", "its picture"), ("primaryLogo", "its logo; it never draws `logo`")):
            if slot not in template.images:
                yield "/images", f"a poster without `{slot}` lacks {what}", f"Add `{slot}:`."


def nothing_at_the_top(template: Template) -> Iterator[Found]:
    """The top left of a card without logo and text is empty."""
    if template.style != "posterGeneric" and not ({"logo"} & set(template.images) or template.logo_text):
        yield "/images", "there is neither a logo nor `logo_text`: the top left stays empty", "Add `logo: logo.png`."


def soft_stamps(template: Template) -> Iterator[Found]:
    """A stamp of fewer pixels than @2x needs in its place."""
    if (stamps := template.stamps) is None:
        return
    left, _, right, _ = places(stamps, exact_box(template.style, stamps.slot))[0]
    need = (right - left) * SOFT_BELOW // SCALES[-1]
    for place, name in _stamped(template):
        try:
            width, height = size(template.files[name])
        except ImageError:
            continue  # ``unreadable`` says so
        if max(width, height) < need:
            detail = f"{width} x {height} pixels are too few for a stamp: it will look soft"
            yield place, detail, f"Use a picture of {right - left} x {right - left} pixels."


def stamps_under_texts(template: Template) -> Iterator[Found]:
    """Primary fields are written over the strip, and so over the stamps."""
    stamps, fields = template.stamps, template.fields.primary
    if stamps and stamps.slot == "strip" and fields and stamps.area is None:
        detail = "the primary field is written over the strip, and so over the stamps"
        yield (
            "/fields/primary/0",
            detail,
            "Move it to the header or to secondary, or give the stamps an `area` beside it.",
        )


def unspoken_stamps(template: Template) -> Iterator[Found]:
    """A picture is nothing to who cannot see it, to a list of cards and to Google's text rows."""
    if template.stamps is None:
        return
    read = names_in(str(template.stamps.count))
    said = {name for _, _, _, field in every_field(template) for name in names_in(str(field.value))}
    if read and not read & said:
        name = min(read)
        fix = f'Add a field such as {{key: stamps, label: Stamps, value: "{{{{ {name} }}}} / {template.stamps.of}"}}.'
        yield "/stamps/count", "no field says the number of stamps, which a picture alone cannot tell everybody", fix
