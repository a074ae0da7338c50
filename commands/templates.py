"""``template``: look at a template, build a card from it, and move templates between folders and the database.

``lint`` and ``build`` are offline. ``lint``, ``import`` and ``publish`` open the files in the limited process first, so
that a file of unknown origin cannot take more than it gets.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from commands import offline, publishing, shell
from commands.certsdir import load_directory
from commands.limited import LimitedPool, LimitError
from commands.settings import Settings
from passkit.apple.signing import Identity, Signers
from passkit.errors import Problem, Severity
from passkit.templateschema import template_schema
from store import templates


def add(subparsers: Any) -> None:
    """Register ``template`` and its operations."""
    operations = subparsers.add_parser(
        "template", help="card templates: lint, build, import, export, publish, list, schema"
    ).add_subparsers(metavar="OPERATION", required=True)
    lint = operations.add_parser("lint", help="say what is wrong with a template's folder, and how to mend it")
    lint.add_argument("dir", type=Path)
    lint.set_defaults(run=run_lint)
    _add_build(operations)
    take = operations.add_parser("import", help="a folder or a zip becomes the draft of its template")
    take.add_argument("dir", type=Path, metavar="DIR|FILE.zip")
    shell.add_brand_flag(take)
    take.set_defaults(run=run_import)
    give = operations.add_parser("export", help="write a template's draft, or a revision, into a folder or a zip")
    give.add_argument("key")
    give.add_argument("dir", type=Path, metavar="DIR|FILE.zip")
    give.add_argument("--revision", type=int, metavar="N", help="this revision instead of the draft")
    shell.add_brand_flag(give)
    give.set_defaults(run=run_export)
    publishing.add(operations, run_publish)
    form = operations.add_parser("schema", help="print the JSON Schema of template.yaml, for editors")
    form.set_defaults(run=run_schema)
    show = operations.add_parser("list", help="every template with its revision")
    shell.add_brand_flag(show)
    show.set_defaults(run=run_list)


def _add_build(operations: Any) -> None:
    build = operations.add_parser("build", help="sign a card of a template's folder, for looking at")
    build.add_argument("dir", type=Path)
    build.add_argument("--data", default="{}", metavar="JSON", help="the card's data, or a file; samples fill the rest")
    build.add_argument("--language", help="the card's language; the template's first if not given")
    build.add_argument("--out", type=Path, required=True, metavar="FILE.pkpass")
    build.add_argument("--google", type=Path, metavar="FILE.json", help="write Google's class and object there too")
    build.add_argument("--pass-type", help="whose certificate in CERTS_DIR signs; may be left out while there is one")
    build.set_defaults(run=run_build)


async def run_lint(args: argparse.Namespace, settings: Settings) -> int:
    """``template lint DIR``: exit code 1 on errors only."""
    problems, _, losses = await _looked_at(offline.read(args.dir))
    code = _report(problems, str(args.dir))
    if losses:
        print(f"{args.dir}: {len(losses)} things differ between the two wallets.")
        print("\n".join(losses))
    return code


async def run_build(args: argparse.Namespace, settings: Settings) -> int:
    """``template build DIR``."""
    identity = _signer(load_directory(settings.certs_dir), args.pass_type, settings.certs_dir)
    data = shell.json_object(args.data, "--data")
    files = offline.read(args.dir)
    built = offline.build(
        files, identity, data, language=args.language, with_google=args.google is not None, now=shell.now()
    )
    _write(args.out, built.pkpass)
    print(f"{args.out}: {len(built.pkpass):,} bytes, signed as {identity.pass_type_identifier}.")
    if args.google:
        _write(args.google, json.dumps(built.google, ensure_ascii=False, indent=2).encode() + b"\n")
        print(f"{args.google}: {' and '.join(built.google)}.")
    return 0


def _write(path: Path, content: bytes) -> None:
    try:
        path.write_bytes(content)
    except OSError as error:
        raise shell.CommandError(f"{path} cannot be written: {error.strerror}.") from None


async def run_import(args: argparse.Namespace, settings: Settings) -> int:
    """``template import DIR``."""
    problems, files = await checked(offline.read(args.dir))
    if _report(problems, str(args.dir)):
        return 1
    async with shell.database(settings) as db:
        brand = await shell.chosen_brand(db, args.brand)
        row = await templates.import_files(db, brand.id, files, now=shell.now())
    print(f"{row.key} is a draft of {brand.key} now; `template publish {row.key}` makes cards follow it.")
    return 0


async def run_export(args: argparse.Namespace, settings: Settings) -> int:
    """``template export KEY DIR``, or a zip."""
    async with shell.database(settings) as db:
        brand = await shell.chosen_brand(db, args.brand)
        files = await templates.export_files(db, brand.id, args.key, args.revision)
    try:
        offline.write(args.dir, files)
    except OSError as error:
        raise shell.CommandError(f"{args.dir} cannot be written: {error.strerror}.") from None
    print(f"{args.key}: {len(files)} files in {args.dir}.")
    return 0


async def run_schema(args: argparse.Namespace, settings: Settings) -> int:
    """``template schema``."""
    print(json.dumps(template_schema(), indent=2, ensure_ascii=False))
    return 0


async def run_publish(args: argparse.Namespace, settings: Settings) -> int:
    """``template publish KEY``."""
    async with shell.database(settings) as db:
        brand = await shell.chosen_brand(db, args.brand)
        problems, _ = await checked(await templates.export_files(db, brand.id, args.key, args.to))
        if _report(problems, args.key):
            return 1
        return await publishing.publish(args, db, brand)


async def run_list(args: argparse.Namespace, settings: Settings) -> int:
    """``template list``."""
    async with shell.database(settings) as db:
        brand = await shell.chosen_brand(db, args.brand)
        rows = await templates.listing(db, brand.id)
    shell.table(
        ("key", "style", "revision", "name"),
        [(row.key, row.style, row.published_revision or "draft", row.name) for row in rows],
    )
    return 0


async def checked(files: Mapping[str, bytes]) -> tuple[list[Problem], Mapping[str, bytes]]:
    """What a check in the limited process finds, and the files as they would be stored."""
    problems, stored, _ = await _looked_at(files)
    return problems, stored


async def _looked_at(files: Mapping[str, bytes]) -> tuple[list[Problem], Mapping[str, bytes], Sequence[str]]:
    """The same, and what differs between the two wallets."""
    pool = LimitedPool()
    try:
        answer = await pool.check(files, now=shell.now())
    except LimitError as error:
        return (
            [Problem(Severity.ERROR, "", str(error), "Simplify the expressions, or use smaller pictures.")],
            files,
            (),
        )
    finally:
        await pool.close()
    return [offline.problem_from_json(row) for row in answer["problems"]], answer["files"], answer["losses"]


def _report(problems: Sequence[Problem], what: str) -> int:
    for problem in problems:
        print(problem)
    errors = sum(problem.severity is Severity.ERROR for problem in problems)
    print(f"{what}: {errors} errors, {len(problems) - errors} warnings and notes.")
    return 1 if errors else 0


def _signer(identities: Sequence[Identity], pass_type: str | None, folder: Path) -> Identity:
    types = sorted({identity.pass_type_identifier for identity in identities})
    if not types:
        raise shell.CommandError(f"{folder} holds no certificate: make a look-alike with `certs dev {folder}`.")
    if pass_type is None and len(types) > 1:
        raise shell.CommandError(f"Choose whose certificate signs with --pass-type: {', '.join(types)}.")
    return Signers(identities).newest(pass_type or types[0], shell.now())
