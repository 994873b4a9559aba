"""`qie config`: read and change the settings."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from qie_desktop.cli.reporting import out_console, plain, refusals_reported, show_warning
from qie_desktop.core.errors import SettingsError
from qie_desktop.storage.settings_schema import SETTINGS, SettingKind, find_setting

if TYPE_CHECKING:
    from qie_desktop.cli.front import Front

config_app = typer.Typer(help="Read and change the settings.", no_args_is_help=True)

KeyArgument = Annotated[str, typer.Argument(metavar="KEY", help="Such as local.checkpoint.")]


@config_app.command("get")
def get_setting(
    context: typer.Context,
    key: Annotated[str, typer.Argument(metavar="[KEY]", help="Without one, all settings.")] = "",
) -> None:
    """Show a setting, or all of them with what they mean."""
    with refusals_reported():
        front: Front = context.obj()
        for problem in front.settings.problems:
            show_warning(problem)
        if key:
            typer.echo(_text(front.settings.get(key)))
            return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in ("Key", "Value", "What it is"):
        table.add_column(heading, overflow="fold")
    for spec in SETTINGS:
        table.add_row(spec.key, plain(_text(front.settings.get(spec.key))), spec.help)
    out_console().print(table)


@config_app.command("set")
def set_setting(
    context: typer.Context,
    key: KeyArgument,
    value: Annotated[str, typer.Argument(metavar="VALUE", help="What it shall be.")],
) -> None:
    """Change a setting."""
    with refusals_reported():
        front: Front = context.obj()
        front.settings.set(key, _absolute(value) if find_setting(key).kind is SettingKind.PATH else value)
        front.settings.save()
        typer.echo(f"{key} = {_text(front.settings.get(key))}")


@config_app.command("unset")
def unset_setting(context: typer.Context, key: KeyArgument) -> None:
    """Go back to a setting's default."""
    with refusals_reported():
        front: Front = context.obj()
        front.settings.unset(key)
        front.settings.save()
        typer.echo(f"{key} = {_text(front.settings.get(key))}")


def _absolute(value: str) -> str:
    """Return a path that still holds in another folder; what begins with ~ does already."""
    path = Path(value)
    if not path.expanduser().exists():
        raise SettingsError(f"There is no {value}.", "Name a file or folder that is there.")
    return value if value.startswith("~") else str(path.absolute())


def _text(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return "" if value is None else str(value)
