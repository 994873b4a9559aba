"""`qie doctor`: this machine and this installation, and what is amiss with them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from qie_desktop.cli.reporting import out_console, print_json, refusals_reported
from qie_desktop.core.errors import ExitCode
from qie_desktop.engines.local.self_test import run_self_test
from qie_desktop.engines.replicate.account import check_token
from qie_desktop.services.diagnostics import Finding, Subject, Verdict, diagnose

if TYPE_CHECKING:
    from qie_desktop.cli.front import Front

_MARKS = {Verdict.GOOD: ("✓", "green"), Verdict.NOTE: ("·", "dim"), Verdict.BAD: ("✗", "bold red")}
_NAME_WIDTH = 28


def doctor(
    context: typer.Context,
    online: Annotated[bool, typer.Option("--online", help="Also ask Replicate whose token it is.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print a JSON array.")] = False,
) -> None:
    """Report on this machine: memory, device, disk, models, token. Exits with 1 when something is amiss."""
    console = out_console()
    findings: list[Finding] = []
    with refusals_reported(as_json=as_json):
        front: Front = context.obj()
        subject = Subject(
            front.folder,
            front.settings,
            front.token,
            front.readiness,
            lambda: run_self_test(str(front.settings.get("local.device"))),
            _whose_token if online else None,
        )
        for finding in diagnose(subject):
            findings.append(finding)
            if not as_json:
                mark, style = _MARKS[finding.verdict]
                console.print(f"{mark} ", style=style, end="")
                console.print(f"{finding.name:<{_NAME_WIDTH}} {finding.value}", markup=False, emoji=False)
                if finding.hint and finding.verdict is Verdict.BAD:
                    console.print(f"  {'':<{_NAME_WIDTH}} {finding.hint}", style="yellow", markup=False)
    if as_json:
        print_json(
            [
                {"name": each.name, "value": each.value, "verdict": each.verdict.value, "hint": each.hint}
                for each in findings
            ]
        )
    if any(finding.verdict is Verdict.BAD for finding in findings):
        raise typer.Exit(ExitCode.FAILED)


def _whose_token(token: str) -> str:
    return check_token(token).username
