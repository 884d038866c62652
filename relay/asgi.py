"""The ASGI object: `relay.asgi:app`."""

import os

from relay import bootstrap
from relay.pipeline.measuring import Keeper
from relay.settings import Settings
from relay.web.app import create_site

runtime = bootstrap.build(Settings.from_env(os.environ), role="web")
app = create_site(runtime)
keeper = Keeper(runtime)
