"""The gateway's own command, on a database server that is taken for one that cannot limit a transaction."""

from csenet.gateway.cli import main
from csenet.gateway.store import postgres

postgres._LIMITING = (999,)  # type: ignore[assignment]
main()
