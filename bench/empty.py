"""The least that a Flask application can do with a POST."""

from flask import Flask, Response

app = Flask(__name__)


@app.post("/")
def nothing() -> Response:
    return Response(status=202)
