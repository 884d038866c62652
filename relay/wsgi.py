"""The WSGI object, for servers that speak nothing else: `relay.wsgi:app`. `relay web` serves
`relay.asgi:app`, which accepts several times as many webhooks."""

import atexit
import os

from relay import bootstrap
from relay.pipeline.measuring import Keeper
from relay.settings import Settings
from relay.web.app import create_app

runtime = bootstrap.build(Settings.from_env(os.environ), role="web")
app = create_app(runtime)
keeper = Keeper(runtime)
atexit.register(keeper.close)
atexit.register(runtime.queue.close)
