"""Put the casework API together: routes from the table of operations, middlewares around them."""

from __future__ import annotations

from aiohttp import web

from csenet.gateway.casework import (
    correction_views,
    event_views,
    middleware,
    policy,
    service,
    views,
    views_delivery,
    views_duties,
    views_holds,
    views_participants,
    views_releases,
    views_work,
)
from csenet.gateway.casework.access import STORE
from csenet.gateway.casework.operations import OPERATIONS
from csenet.gateway.casework.ports import CLOCK, DESK, JURISDICTION, READER, CaseDesk
from csenet.gateway.casework.requests import LIMITS, Limits
from csenet.gateway.clock import Clock
from csenet.gateway.console.part import add_console
from csenet.gateway.console.sign_in import add_sign_in
from csenet.gateway.console.sign_in_openid import add_openid
from csenet.gateway.delivery.windows import Windows
from csenet.gateway.headers import protect
from csenet.gateway.people.openid import OpenId
from csenet.gateway.people.person import PROXIES
from csenet.gateway.people.reading import Reader
from csenet.gateway.people.signing import Signing
from csenet.gateway.settings.people import PeopleSection
from csenet.gateway.store.engine import Store


def build_app(
    desk: CaseDesk,
    store: Store,
    *,
    clock: Clock,
    jurisdiction_name: str,
    limits: Limits | None = None,
    windows: Windows | None = None,
    people: PeopleSection | None = None,
) -> web.Application:
    """Build the web application of one jurisdiction.

    Routes added to it before it starts are guarded and logged alike: what the table of rights does not name
    is nobody's.
    """
    bounds = limits or Limits()
    app = web.Application(
        middlewares=[middleware.outermost, middleware.authorization], client_max_size=bounds.batch_bytes
    )
    protect(app)
    app[DESK] = desk
    app[STORE] = store
    app[READER] = Reader(desk, store, clock)
    app[LIMITS] = bounds
    app[CLOCK] = clock
    app[JURISDICTION] = jurisdiction_name
    app[PROXIES] = people.proxies if people else ()
    app[service.DESCRIPTION] = {}
    subjects = (
        views.VIEWS,
        correction_views.VIEWS,
        event_views.VIEWS,
        policy.VIEWS,
        views_work.VIEWS,
        views_duties.VIEWS,
        views_releases.VIEWS,
        views_holds.VIEWS,
        views_participants.VIEWS,
        views_delivery.VIEWS,
        service.VIEWS,
    )
    offered = {name: view for subject in subjects for name, view in subject.items()}
    for operation in OPERATIONS:
        if operation.id in offered:
            _add(app, operation.method, operation.path, offered[operation.id])
    add_console(app, desk, clock=clock, jurisdiction_name=jurisdiction_name, windows=windows)
    told = people or PeopleSection()
    add_sign_in(app, Signing(store, clock, told))
    if told.openid is not None:
        add_openid(app, OpenId(told.openid, store, clock))
    return app


def _add(app: web.Application, method: str, path: str, view: views.View) -> None:
    """Add one route; what may be read may be asked for with HEAD too."""
    resource = app.router.add_resource(path)
    resource.add_route(method, view)
    if method == "GET":
        resource.add_route("HEAD", view)
