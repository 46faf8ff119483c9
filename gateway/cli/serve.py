"""csenet serve: the daemon of one jurisdiction."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from csenet.gateway.cli.common import config_option, example

if TYPE_CHECKING:
    from csenet.gateway.app import GatewayApp


@click.command(epilog=example("csenet serve --config gateway.toml"))
@config_option
@click.pass_context
def serve(ctx: click.Context, config: Path) -> None:
    """Run the gateway until SIGTERM or Ctrl-C.

    Stopping drains: nothing new is taken in, what is in hand is finished, the rest waits in the store for the
    next start.  Exit 0 when asked to stop, 1 when a part crashed, 2 when it could not start.
    """
    import structlog

    from csenet.gateway import log
    from csenet.gateway.errors import GatewayError, TaskCrashed
    from csenet.gateway.private_memory import keep_private
    from csenet.gateway.settings.loading import load_settings

    keep_private()
    settings = load_settings(config)
    log.configure(settings.log)
    from csenet.gateway.app import GatewayApp

    try:
        with asyncio.Runner(loop_factory=_loop_factory()) as runner:
            runner.run(_serve(GatewayApp(settings)))
    except TaskCrashed:
        ctx.exit(1)
    except GatewayError:
        raise
    except Exception as error:
        structlog.get_logger().critical("gateway.crashed", exc_info=error)
        ctx.exit(1)


async def _serve(app: GatewayApp) -> None:
    """Run the application on the loop that the signals arrive at."""
    await app.run_until_signal()


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop]:
    """Prefer uvloop, which is not made for every platform."""
    try:
        import uvloop
    except ImportError:
        return asyncio.new_event_loop
    return uvloop.new_event_loop
