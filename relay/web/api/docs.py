"""The document made readable: one page, no script, under the same policy as the dashboard."""

from pathlib import Path
from typing import Any

from flask import Blueprint, Flask, Response, render_template

from relay.web.api.site import PREFIX

_STYLE = Path(__file__).parent / "static" / "docs.css"
_VERBS = ("get", "post", "put", "patch", "delete")

Spec = dict[str, Any]


def install(app: Flask, api: Any) -> None:
    """`/api/v1/docs` and its style sheet."""
    pages = Blueprint("api-page", __name__, url_prefix=PREFIX, template_folder="templates")

    @pages.get("/docs")
    def read() -> str:
        spec: Spec = api.spec.to_dict()
        return render_template("api/docs.html", spec=spec, tags=_by_tag(spec))

    @pages.get("/docs.css")
    def style() -> Response:
        return Response(_STYLE.read_bytes(), mimetype="text/css")

    app.register_blueprint(pages)


def _by_tag(spec: Spec) -> list[Spec]:
    found: dict[str, list[Spec]] = {tag["name"]: [] for tag in spec.get("tags", ())}
    for path, operations in spec["paths"].items():
        shared = operations.get("parameters", [])
        for verb in _VERBS:
            if verb in operations:
                told = _route(spec, path, verb, operations[verb], shared)
                for tag in operations[verb].get("tags", ()):
                    found.setdefault(tag, []).append(told)
    about = {tag["name"]: tag.get("description", "") for tag in spec.get("tags", ())}
    return [{"name": n, "about": about.get(n, ""), "routes": rows} for n, rows in found.items()]


def _route(spec: Spec, path: str, verb: str, one: Spec, shared: list[Spec]) -> Spec:
    body = one.get("requestBody", {}).get("content", {}).get("application/json", {})
    good = next((code for code in one["responses"] if str(code).startswith("2")), "200")
    answer = one["responses"][good].get("content", {}).get("application/json", {})
    query = [p for p in one.get("parameters", []) if p.get("in") == "query"]
    return {
        "id": f"{verb}{path.replace('/', '-').replace('{', '').replace('}', '')}",
        "verb": verb.upper(),
        "path": path,
        "scope": one.get("x-scope"),
        "about": " ".join(f"{one.get('summary', '')} {one.get('description', '')}".split()),
        "query": query,
        "body": _fields(spec, body.get("schema")),
        "status": good,
        "answer": _fields(spec, answer.get("schema")),
        "of_path": [p["name"] for p in shared],
    }


def _fields(spec: Spec, schema: Spec | None) -> list[Spec]:
    """The properties of a schema, one level deep; of a page those of its rows."""
    if not schema:
        return []
    known = _resolved(spec, schema)
    rows = known.get("properties", {})
    if set(rows) >= {"data", "next"}:
        return _fields(spec, rows["data"].get("items"))
    needed = set(known.get("required", ()))
    return [
        {"name": name, "type": _type(one), "needed": name in needed,
         "about": one.get("description", ""), "one_of": one.get("enum") or []}
        for name, one in rows.items()
    ]  # fmt: skip


def _resolved(spec: Spec, schema: Spec) -> Spec:
    if "$ref" not in schema:
        return schema
    found: Spec = spec["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    return found


def _type(one: Spec) -> str:
    if "$ref" in one:
        return str(one["$ref"]).rpartition("/")[2]
    if "anyOf" in one:
        return " or ".join(_type(each) for each in one["anyOf"])
    named = one.get("type", "any")
    if named == "array":
        return f"list of {_type(one.get('items', {}))}"
    return " or ".join(named) if isinstance(named, list) else str(named)
