"""The least that our server can do with a POST: a Flask application's empty answer, given through
the same bridge and threads as the dashboard's; and the loop's own, without Flask."""

from flask import Flask, Response

from relay.web.bridge import Bridge
from relay.web.wire import Receive, Scope, Send, send_whole

flask = Flask(__name__)


@flask.post("/")
def nothing() -> Response:
    return Response(status=202)


app = Bridge(flask.wsgi_app)


async def bare(scope: Scope, receive: Receive, send: Send) -> None:
    """Reads the body, and answers."""
    del scope
    while (await receive()).get("more_body"):
        pass
    await send_whole(send, 202, [(b"content-length", b"0")])
