"""One task per use case: ids go in, a use case is called. Names are those of relay.queue."""

from relay.queue import ACT, ALONE, COMPLETE, DELIVER, MAIL, ROUTE, SWEEP, WATCH
from workers.app import app
from workers.runtime import engine


@app.task(name=ROUTE)
def route(ids: list[int]) -> None:
    engine().route(ids)


@app.task(name=COMPLETE)
def complete(ids: list[int]) -> None:
    engine().complete(ids)


@app.task(name=ACT)
def act(ids: list[int]) -> None:
    engine().act(ids)


@app.task(name=DELIVER)
def deliver(ids: list[int]) -> None:
    engine().deliver(ids)


@app.task(name=WATCH)
def watch(ids: list[int]) -> None:
    engine().watch(ids)


@app.task(name=MAIL)
def mail(ids: list[int]) -> None:
    engine().mail(ids)


@app.task(name=ALONE)
def alone(count: list[int]) -> None:
    engine().alone(count)


@app.task(name=SWEEP)
def sweep() -> None:
    engine().sweep()
