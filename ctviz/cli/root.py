"""The root command, and how errors are printed."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from ctviz.cli.streams import exit_code
from ctviz.errors import CtvizError


class _ErrorSentences(TyperGroup):
    """Turns every error that ctviz raises on purpose into one sentence and exit code 2, and reports interruptions."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except CtvizError as error:
            typer.echo(str(error), err=True)
            raise typer.Exit(2) from None
        except KeyboardInterrupt as error:
            typer.echo(f"{str(error) or 'Stopped'}; what is stored is kept.", err=True)
            raise typer.Exit(exit_code(error)) from None


app = typer.Typer(
    cls=_ErrorSentences,
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
JsonFlag = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]
