"""The web application: headers, errors, and the blueprints; and the door before it."""

from functools import partial

from flask import Flask
from jinja2 import StrictUndefined

from relay.pipeline import crm
from relay.runtime import Runtime
from relay.web import api, dashboard, errors, health, inbound, portal, sandbox, security, v2
from relay.web.auth import Doorkeeper
from relay.web.blocking import Blocking
from relay.web.bridge import Bridge
from relay.web.wire import ASGI, Receive, Scope, Send


def create_app(runtime: Runtime) -> Flask:
    """The WSGI application of one runtime."""
    app = Flask("relay", static_folder=None)
    app.jinja_env.undefined = StrictUndefined
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    app.extensions["relay"] = runtime
    app.extensions["doorkeeper"] = Doorkeeper(runtime)
    security.install(app, runtime.settings)
    api.install(app)
    errors.install(app)
    for blueprint in (health.blueprint, sandbox.blueprint, portal.blueprint):
        app.register_blueprint(blueprint(runtime))
    site = v2.Site(db=runtime.db, write=partial(crm.edit, runtime))
    app.register_blueprint(v2.create_blueprint(site, app.extensions["doorkeeper"].metered_caller))
    dashboard.install(app)
    door = app.extensions["door"] = inbound.Door(runtime)
    app.wsgi_app = Blocking(door, app.wsgi_app)  # type: ignore[assignment, method-assign]
    security.believe_proxies(app, runtime.settings)
    return app


def create_site(runtime: Runtime) -> ASGI:
    """The ASGI application of one runtime: the door on the loop, everything else in threads."""
    app = create_app(runtime)
    door, pages = app.extensions["door"], Bridge(app.wsgi_app)

    async def site(scope: Scope, receive: Receive, send: Send) -> None:
        answer = door if inbound.opens_at(scope["path"]) else pages
        await answer(scope, receive, send)

    return site
