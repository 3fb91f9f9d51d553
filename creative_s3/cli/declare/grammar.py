"""Typer's own classes for commands, groups and options, with two habits changed.

An option that was not given costs nothing, and the help is ours.
"""

from __future__ import annotations

from typing import Any

from typer.core import TyperCommand, TyperGroup, TyperOption

from creative_s3.cli.declare.help import WIDEST, render
from creative_s3.cli.output import Output
from creative_s3.cli.run import Session


class LeanOption(TyperOption):
    """An option that loads no library to convert a value which is not there."""

    def process_value(self, ctx: Any, value: Any) -> Any:  # noqa: ANN401 - Typer's types are private
        """Convert a given value as Typer does, with pydantic; importing that takes 0.1 s."""
        if self.required or (value is not None and not ctx.resilient_parsing):
            return super().process_value(ctx, value)
        unconverted = () if value is None and self.multiple else value
        return unconverted if self.callback is None else self.callback(ctx, self, unconverted)


class Verb(TyperCommand):
    """A command."""

    def get_params(self, ctx: Any) -> list[Any]:  # noqa: ANN401 - Typer's types are private
        """Return the options and arguments."""
        return _lean(super().get_params(ctx))

    def format_help(self, ctx: Any, formatter: Any) -> None:  # noqa: ANN401, ARG002 - Typer's signature
        """Write the help."""
        _print_help(self, ctx)


class Group(TyperGroup):
    """A group of commands."""

    def get_params(self, ctx: Any) -> list[Any]:  # noqa: ANN401 - Typer's types are private
        """Return the options and arguments."""
        return _lean(super().get_params(ctx))

    def format_help(self, ctx: Any, formatter: Any) -> None:  # noqa: ANN401, ARG002 - Typer's signature
        """Write the help."""
        _print_help(self, ctx)


def _lean(parameters: list[Any]) -> list[Any]:
    # Typer offers no place to name an option's class, and makes the ones for completion after the command.
    for parameter in parameters:
        if type(parameter) is TyperOption:
            parameter.__class__ = LeanOption
    return parameters


def _print_help(command: TyperCommand | TyperGroup, context: Any) -> None:  # noqa: ANN401
    session = context.find_root().obj
    output = session.output if isinstance(session, Session) else Output()
    width = min(output.out.width, WIDEST)
    output.out.print(render(command, context, width=width), width=width)
