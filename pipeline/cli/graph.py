"""`sipline graph`: the pipeline as it is wired: stages, plugins, versions, options that differ from their defaults, hooks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pipeline.cli.files import plan_of
from pipeline.config.hooks import families, hooks_of
from pipeline.config.schema import options_of
from pipeline.config.values import shown

if TYPE_CHECKING:
    from argparse import Namespace

    from rich.tree import Tree

    from pipeline.config.plan import Listing, Plan


def run(args: Namespace) -> int:
    """Draw."""
    from rich.console import Console  # noqa: PLC0415

    Console(highlight=False).print(tree(plan_of(args, warn=True)))
    return 0


def tree(plan: Plan) -> Tree:
    """Return the pipeline as a tree."""
    from rich.markup import escape  # noqa: PLC0415
    from rich.tree import Tree  # noqa: PLC0415

    domains = ", ".join(domain.id for domain in plan.domains)
    root = Tree(f"[bold]{escape(plan.name)}[/] [dim]{escape(plan.document.name)} · domains {escape(domains)}[/]")
    for stage, listings in plan.stages.items():
        branch = root.add(f"[bold cyan]{stage}[/]" + ("" if listings else " [dim](nothing listed)[/]"))
        for listing in listings:
            kind = f" [dim]is {listing.kind}[/]" if listing.kind != listing.name else ""
            source = "" if listing.source == "built-in" else listing.source
            version = "" if source.endswith(f" {listing.version}") else listing.version  # a distribution's source says it
            origin = " ".join(part for part in (version, source) if part)
            node = branch.add(f"[bold]{listing.name}[/]{kind} [dim]{escape(origin)} · {escape(str(listing.place))}[/]")
            for name, value in differing(listing):
                node.add(f"{name} = {escape(value)}")
            hooks = [each.hook for each in hooks_of(type(listing.plugin)) if families()[each.hook] in (stage, "")]
            node.add(f"[green]{' '.join(f'{hook}()' for hook in hooks)}[/]")
    stored = root.add("[bold cyan]dal[/]")
    for kind, mapping in plan.dal.items():
        stored.add(f"{kind} [dim]→[/] {', '.join(mapping.backends)} [dim]{mapping.durability}[/]")
    return root


def differing(listing: Listing) -> list[tuple[str, str]]:
    """Return the options that are not their default, as TOML; a secret is never shown."""
    found: list[tuple[str, str]] = []
    for name, option in options_of(type(listing.plugin)).items():
        value: Any = getattr(listing.plugin, option.attribute.name)
        if value != option.default_value():
            found.append((name, '"***"' if option.secret else shown(value)))
    if listing.on_error:
        found.append(("on_error", shown(listing.on_error)))
    return found
