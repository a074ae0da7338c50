"""What /metrics of a running house says, and that the shipped board and rules ask for nothing else."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import yaml
from prometheus_client.parser import text_string_to_metric_families

from store import holding, standing
from tests.journeys.house import World, until
from tests.journeys.test_kill import opened
from tests.test_docs import anchor, headings

ROOT = Path(__file__).parent.parent.parent
SUFFIXES = {"histogram": ("_bucket", "_sum", "_count"), "counter": ("_total",), "gauge": ("",)}
_METRIC = re.compile(r"\bpassbell_\w+")


async def scraped(world: World) -> dict[str, Any]:
    """/metrics as its families by name."""
    async with world.session.get(f"{world.url}/metrics") as answer:
        assert answer.status == 200
        return {family.name: family for family in text_string_to_metric_families(await answer.text())}


def value(families: dict[str, Any], name: str, **labels: str) -> float:
    """One number; a sample that is not there is 0."""
    samples = [sample for family in families.values() for sample in family.samples if sample.name == name]
    return float(sum(sample.value for sample in samples if sample.labels == labels))


def rules() -> list[dict[str, Any]]:
    (group,) = yaml.safe_load((ROOT / "deploy" / "alerts.yml").read_text(encoding="utf-8"))["groups"]
    return list(group["rules"])


def board() -> dict[str, Any]:
    return dict(json.loads((ROOT / "deploy" / "grafana.json").read_text(encoding="utf-8")))


async def test_a_change_is_counted_from_its_commit_to_the_list_and_the_download(world: World) -> None:
    names = ("passbell_change_listed_seconds_count", "passbell_change_fetched_seconds_count")
    async with world.server() as house:
        phone, serial = await world.holder(data={"points": 1})
        await world.holder()  # installs, registrations and their lists are nobody's waiting
        await house.db.served.flush()
        before = await scraped(world)
        await world.change(serial, points=250)
        await until(lambda: "250" in phone.cards[serial].text("points"), 20)
        await house.db.served.flush()
        after = await scraped(world)
    assert [value(after, name) - value(before, name) for name in names] == [1, 1]
    waited = [
        value(after, name.replace("count", "sum")) - value(before, name.replace("count", "sum")) for name in names
    ]
    assert 0 < waited[0] <= waited[1] + 1e-6 < 20


async def test_queues_breakers_and_backups_are_read_from_the_database(world: World) -> None:
    async with world.server(with_worker=False), opened(world) as db:
        _, serial = await world.holder(data={"points": 1})
        await world.change(serial, points=2)
        (apple,) = [one for one in await holding.waiting(db) if one.channel == "apple"]
        assert apple.oldest is not None
        moment = datetime.now(UTC) - timedelta(hours=40)
        await standing.note_backup(db, moment)
        found = await scraped(world)
        age = (datetime.now(UTC) - apple.oldest).total_seconds()
        backed_up = (datetime.now(UTC) - moment).total_seconds()
    assert value(found, "passbell_push_waiting", channel="apns") == apple.count
    assert 0 < value(found, "passbell_push_oldest_seconds", channel="apns") <= age
    assert value(found, "passbell_push_oldest_seconds", channel="fcm") == 0
    assert 40 * 3600 <= value(found, "passbell_backup_age_seconds") <= backed_up
    assert value(found, "passbell_held_changes") == 0


async def test_board_and_rules_ask_for_what_a_running_house_says(world: World) -> None:
    async with world.server(with_worker=False):
        families = await scraped(world)
    exported = {name + suffix for name, family in families.items() for suffix in SUFFIXES.get(family.type, ("",))}
    asked = [target["expr"] for panel in board()["panels"] for target in panel.get("targets", ())]
    asked += [rule["expr"] for rule in rules()]
    named = {name for expression in asked for name in _METRIC.findall(expression)}
    assert named <= exported
    whole = {name.removesuffix("_total") for name in named} | {
        re.sub("_(bucket|sum|count)$", "", name) for name in named
    }
    assert {name for name in families if name.startswith("passbell_") and not name.endswith("_created")} <= whole


def test_the_board_has_its_rows_and_no_panel_over_another() -> None:
    panels = board()["panels"]
    rows = [panel["title"].split()[0] for panel in panels if panel["type"] == "row"]
    assert rows == ["Traffic", "Delivery", "Convergence", "Google", "Certificates", "Processes"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    cells = [
        (x, y)
        for place in (panel["gridPos"] for panel in panels)
        for x in range(place["x"], place["x"] + place["w"])
        for y in range(place["y"], place["y"] + place["h"])
    ]
    assert len(set(cells)) == len(cells)
    assert all(x < 24 for x, _ in cells)


def test_every_rule_has_its_words_and_a_fix_that_is_described() -> None:
    told = {anchor(heading) for heading in headings((ROOT / "docs" / "troubleshooting.md").read_text(encoding="utf-8"))}
    assert len({rule["alert"] for rule in rules()}) == len(rules())
    for rule in rules():
        assert set(rule) <= {"alert", "expr", "for", "labels", "annotations"}
        assert set(rule["annotations"]) == {"summary", "fix"}
        assert rule["labels"]["severity"] in ("page", "ticket")
        assert re.fullmatch(r"\d+[mh]", rule.get("for", "1m"))
        page, _, fragment = rule["annotations"]["fix"].partition("#")
        assert page == "docs/troubleshooting.md"
        assert fragment in told, rule["alert"]
