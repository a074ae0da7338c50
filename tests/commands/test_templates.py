"""``template`` as a designer types it: lint, build, import, export, publish; offline it needs certificates and nothing else."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from passkit import archive
from sandbox import google_schema
from sandbox.pkpass import load_roots, open_pkpass
from tests.commands.conftest import ROOT, Shell
from tests.judges import need

STARTERS = sorted(path.parent for path in (ROOT / "templates" / "passes").glob("*/template.yaml"))


@pytest.fixture
def offline(shell: Shell, installed_model: Path) -> Shell:
    """A machine with certificates, without SECRET, PUBLIC_URL or a database."""
    shutil.copytree(installed_model / "certs", shell.folder / "certs")
    shell.environ = {"PASSBELL_CERTS_DIR": str(shell.folder / "certs")}
    return shell


@pytest.fixture
def design(tmp_path: Path) -> Path:
    """A copy of the coffee template to spoil."""
    return shutil.copytree(ROOT / "templates" / "passes" / "coffee", tmp_path / "coffee")


def spoil(design: Path, **changes: object) -> None:
    file = design / "template.yaml"
    file.write_text(yaml.safe_dump(yaml.safe_load(file.read_text()) | changes, allow_unicode=True))


@pytest.mark.parametrize("starter", STARTERS, ids=lambda path: path.name)
def test_the_starters_are_clean(shell: Shell, starter: Path):
    shell.environ = {}
    assert "0 errors, 0 warnings and notes" in shell.done("template", "lint", str(starter))


def test_warnings_are_printed_and_do_not_fail(offline: Shell, design: Path):
    spoil(design, description="x" * 2000)
    assert "warning: /description" in offline.done("template", "lint", str(design))
    assert "Fix:" in offline.out


@pytest.mark.parametrize(
    ("changes", "place"),
    [
        ({"style": "bonusCard"}, "/style"),
        ({"colour": "#fff"}, "/colour"),
        ({"images": {"icon": "nowhere.png"}}, "/images/icon"),
        ({"organization_name": "{{ brand.nothing }}"}, "/organization_name"),
        ({"organization_name": "{{ 1 +"}, "/organization_name"),
        ({"organization_name": "{{ ''.__class__ }}"}, "/organization_name"),
    ],
)
def test_an_error_names_its_place_and_its_fix_and_fails(
    offline: Shell, design: Path, changes: dict[str, object], place: str
):
    spoil(design, **changes)
    assert offline("template", "lint", str(design)) == 1
    line = next(line for line in offline.out.splitlines() if place in line)
    assert line.startswith("error: ")
    assert "Fix:" in line


def test_a_picture_that_is_none_is_an_error(offline: Shell, design: Path):
    (design / "icon.png").write_bytes(b"GIF89a")
    assert offline("template", "lint", str(design)) == 1
    assert "icon.png" in offline.out


def test_a_folder_without_a_template_is_one_line(offline: Shell, tmp_path: Path):
    assert "template.yaml" in offline.refused("template", "lint", str(tmp_path))


def test_build_needs_certificates_and_nothing_else(offline: Shell, design: Path):
    out = offline.folder / "card.pkpass"
    offline.done("template", "build", str(design), "--data", '{"name": "Zoë", "points": 7}', "--out", str(out))
    roots = load_roots((offline.folder / "certs" / "dev" / "root.pem").read_bytes())
    opened = open_pkpass(out.read_bytes(), roots)
    fields = {field["key"]: field["value"] for field in opened.document["storeCard"]["headerFields"]}
    assert fields == {"points": 7}
    assert opened.document["storeCard"]["primaryFields"][0]["value"] == "Zoë"
    assert opened.document["webServiceURL"] == "https://passbell.invalid/passkit"
    assert len(opened.document["authenticationToken"]) >= 16


def test_what_is_not_given_comes_from_the_samples(offline: Shell, design: Path):
    out = offline.folder / "card.pkpass"
    offline.done("template", "build", str(design), "--out", str(out))
    document = open_pkpass(out.read_bytes(), (), verify=False).document
    variables = yaml.safe_load((design / "template.yaml").read_text())["variables"]
    assert document["storeCard"]["headerFields"][0]["value"] == variables["points"]["sample"]
    assert document["storeCard"]["primaryFields"][0]["value"] == variables["name"]["sample"]


def test_build_reads_its_data_from_a_file_and_takes_a_language(offline: Shell, design: Path):
    data = offline.folder / "data.json"
    data.write_text(json.dumps({"points": 3}))
    labels = {}
    for language in ("ru", "en"):
        out = offline.folder / f"{language}.pkpass"
        offline.done("template", "build", str(design), "--data", str(data), "--language", language, "--out", str(out))
        document = open_pkpass(out.read_bytes(), (), verify=False).document
        assert document["storeCard"]["headerFields"][0]["value"] == 3
        labels[language] = document["storeCard"]["headerFields"][0]["label"]
    assert labels["en"] != labels["ru"]


def test_openssl_verifies_what_was_built(offline: Shell, design: Path):
    openssl = need("openssl")
    out = offline.folder / "card.pkpass"
    offline.done("template", "build", str(design), "--out", str(out))
    files = open_pkpass(out.read_bytes(), (), verify=False).files
    (offline.folder / "manifest.json").write_bytes(files["manifest.json"])
    (offline.folder / "signature").write_bytes(files["signature"])
    command = [openssl, "cms", "-verify", "-binary", "-purpose", "any", "-inform", "DER", "-in", "signature"]
    command += ["-content", "manifest.json", "-CAfile", "certs/dev/root.pem", "-out", "verified"]
    verified = subprocess.run(command, cwd=offline.folder, capture_output=True, text=True)
    assert verified.returncode == 0, verified.stderr
    assert (offline.folder / "verified").read_bytes() == files["manifest.json"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--data", '{"colour": 1}'), "/data/colour"),
        (("--data", '{"points": "many"}'), "/data/points"),
        (("--data", "{"), "not JSON"),
        (("--pass-type", "pass.com.example.other"), "pass.com.example.other"),
    ],
)
def test_build_with_what_does_not_fit_is_one_line(offline: Shell, design: Path, words: tuple[str, ...], said: str):
    out = offline.folder / "card.pkpass"
    assert said in offline.refused("template", "build", str(design), "--out", str(out), *words)
    assert not out.exists()


def test_build_without_certificates_says_how_to_get_some(shell: Shell, design: Path):
    line = shell.refused("template", "build", str(design), "--out", str(shell.folder / "card.pkpass"))
    assert "certs dev" in line


def test_a_zip_goes_both_ways_and_gives_the_same_files(installed: Shell, design: Path):
    installed.done("template", "import", str(design))
    zipped = installed.folder / "coffee.zip"
    assert "coffee.zip" in installed.done("template", "export", "coffee", str(zipped))
    assert archive.unpack(zipped.read_bytes()) == {
        path.relative_to(design).as_posix(): path.read_bytes() for path in design.rglob("*") if path.is_file()
    }
    assert "0 errors" in installed.done("template", "lint", str(zipped))
    installed.done("template", "import", str(zipped))
    installed.done("template", "publish", "coffee")
    again = installed.folder / "again.zip"
    installed.done("template", "export", "coffee", str(again), "--revision", "1")
    assert again.read_bytes() == zipped.read_bytes()
    assert "no revision 2" in installed.refused("template", "export", "coffee", str(again), "--revision", "2")


def test_a_zip_that_is_none_is_refused_in_one_line(shell: Shell, tmp_path: Path):
    (tmp_path / "bad.zip").write_bytes(b"no zip")
    shell.environ = {}
    assert "this is no zip file" in shell.refused("template", "lint", str(tmp_path / "bad.zip"))


def test_the_schema_is_printed_without_any_setting(shell: Shell):
    shell.environ = {}
    assert json.loads(shell.done("template", "schema"))["required"] == ["key", "style", "name"]


def test_export_gives_back_what_was_imported(installed: Shell, design: Path):
    installed.done("template", "import", str(design))
    installed.done("template", "export", "coffee", str(installed.folder / "first"))
    for file in ("template.yaml", "strings/ru.yaml"):
        assert (installed.folder / "first" / file).read_bytes() == (design / file).read_bytes()
    installed.done("template", "import", str(installed.folder / "first"))
    installed.done("template", "export", "coffee", str(installed.folder / "second"))
    first, second = (
        {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
        for folder in (installed.folder / "first", installed.folder / "second")
    )
    assert first == second


def test_a_template_with_errors_is_neither_imported_nor_published(installed: Shell, design: Path):
    spoil(design, style="bonusCard")
    assert installed("template", "import", str(design)) == 1
    assert installed.done("template", "list").strip() == "none"


def test_publishing_twice_is_one_revision(publishing: Shell):
    assert "published already" in publishing.done("template", "publish", "coffee")
    assert "coffee" in publishing.done("template", "list")


@pytest.mark.parametrize("starter", STARTERS, ids=lambda path: path.name)
def test_build_writes_google_s_class_and_object_offline(offline: Shell, starter: Path, tmp_path: Path):
    file = tmp_path / "card.json"
    offline.done("template", "build", str(starter), "--out", str(tmp_path / "card.pkpass"), "--google", str(file))
    written = json.loads(file.read_text(encoding="utf-8"))
    (kind,) = {name.removesuffix("Class").removesuffix("Object") for name in written}
    assert list(written) == [f"{kind}Class", f"{kind}Object"]
    for name, body in written.items():
        assert google_schema.problems(name[0].upper() + name[1:], body) == []
    assert written[f"{kind}Object"]["classId"] == written[f"{kind}Class"]["id"]
    assert f"{kind}Object" in offline.out


def test_the_google_file_says_what_the_data_says(offline: Shell, design: Path, tmp_path: Path):
    file, data = tmp_path / "card.json", json.dumps({"points": 7, "balance": "450.00"})
    offline.done("template", "build", str(design), "--data", data, "--out", str(tmp_path / "a"), "--google", str(file))
    body = json.loads(file.read_text(encoding="utf-8"))["loyaltyObject"]
    assert body["loyaltyPoints"]["balance"] == {"int": 7}
    assert body["secondaryLoyaltyPoints"]["balance"] == {"money": {"micros": "450000000", "currencyCode": "RUB"}}
    assert body["accountName"] == "Anna Petrova"


def test_lint_tells_what_differs_between_the_wallets_and_does_not_fail(offline: Shell, design: Path):
    spoil(design, google={"security_animation": True}, max_distance=200)
    said = offline.done("template", "lint", str(design))
    assert "Google: /max_distance: Google sets how near is near." in said
    assert "Apple: /google/security_animation: Apple has no foil." in said
    assert "things differ between the two wallets" in said


def test_a_hint_that_cannot_work_fails_lint(offline: Shell, design: Path):
    spoil(design, google={"points": "{{ stars }}"})
    assert offline("template", "lint", str(design)) == 1
    assert "error: /google/points: there is no variable `stars`" in offline.out


def test_a_publish_says_first_who_will_see_what_and_a_plan_is_published_or_nothing(publishing: Shell, design: Path):
    assert "Nobody has this card yet." in publishing.done("template", "publish", "coffee", "--review")
    publishing.done("card", "issue", "coffee", "--data", '{"points": 5}')
    spoil(design, name="Guests")
    spoil(design, description="Card of a guest")
    publishing.done("template", "import", str(design))
    review = publishing.done("template", "publish", "coffee", "--review")
    assert "coffee draft after revision 1 · plan p_" in review
    assert "updated     1 of 1 cards, without a sound" in review
    assert "not reached 1 are on no phone" in review
    plan = review.split("plan ")[1].split()[0]
    assert "revision 2 is published" in publishing.done("template", "publish", "coffee", "--plan", plan, "--note", "N")
    assert "published already" in publishing.refused("template", "publish", "coffee", "--plan", plan)


def test_going_back_to_an_older_revision_is_a_new_one(publishing: Shell, design: Path):
    publishing.done("card", "issue", "coffee")
    spoil(design, description="Card of a guest")
    publishing.done("template", "import", str(design))
    publishing.done("template", "publish", "coffee")
    back = publishing.done("template", "publish", "coffee", "--to", "1")
    assert "coffee revision 1 after revision 2" in back
    assert "revision 3 is published" in back
