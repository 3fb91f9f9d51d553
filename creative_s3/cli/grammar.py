"""Typer's own classes for commands, groups and options, with two habits changed.

An option that was not given costs nothing, and help says nothing about the type of a flag.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from typer.core import TyperCommand, TyperGroup, TyperOption

if TYPE_CHECKING:
    import typer


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

    def format_help(self, ctx: Any, formatter: Any) -> None:  # noqa: ANN401 - Typer's types are private
        """Write the help."""
        _hide_flag_types(self, ctx)
        super().format_help(ctx, formatter)


class Group(TyperGroup):
    """A group of commands."""

    def get_params(self, ctx: Any) -> list[Any]:  # noqa: ANN401 - Typer's types are private
        """Return the options and arguments."""
        return _lean(super().get_params(ctx))

    def format_help(self, ctx: Any, formatter: Any) -> None:  # noqa: ANN401 - Typer's types are private
        """Write the help."""
        _hide_flag_types(self, ctx)
        super().format_help(ctx, formatter)


def _lean(parameters: list[Any]) -> list[Any]:
    # Typer offers no place to name an option's class; it makes some options (for completion) after the command.
    for parameter in parameters:
        if type(parameter) is TyperOption:
            parameter.__class__ = LeanOption
    return parameters


def _hide_flag_types(command: TyperCommand | TyperGroup, context: typer.Context) -> None:
    """Take away the ``<bool>`` that Typer prints beside each flag."""
    for parameter in command.get_params(context):
        if isinstance(parameter, TyperOption) and parameter.is_flag and parameter.metavar is None:
            parameter.metavar = ""
