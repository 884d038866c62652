"""Lists, fields and options: what the old product did on its own pages, by program."""

from typing import Any

from relay.storage import identity
from tests.api.desk import Desk


def titles(desk: Desk, auth: Any = None) -> list[str]:
    return [one["title"] for one in desk.get("/lists", auth=auth)["data"]]


def done(desk: Desk, method: str, path: str, status: int = 200, **body: Any) -> Any:
    answer = desk.ask(method, path, **({"json": body} if body else {}))
    assert answer.status_code == status, answer.get_data(as_text=True)
    return answer.get_json(silent=True)


def test_a_list_is_made_filled_renamed_and_deleted(desk: Desk) -> None:
    region = {"label": "Region", "type": "List", "options": ["North", "South"]}
    made = done(desk, "POST", "/lists", 201, title="Renewals", sales=True, fields=[region])
    labels = [one["label"] for one in made["fields"]]
    assert labels == ["Created Date", "Status", "Owner", "Revenue", "Close Date", "Region"]
    assert done(desk, "POST", "/lists", 409, title="renewals")["error"]["code"] == "conflict"
    path = f"/lists/{made['id']}"
    done(desk, "POST", f"{path}/fields", 201, label="Seats", type="Numeric")
    assert done(desk, "PATCH", f"{path}/fields/seats", label="Users")["name"] == "users"
    after = done(desk, "POST", f"{path}/fields/region/options", 201, label="West")
    assert [one["label"] for one in after["options"]] == ["North", "South", "West"]
    item = done(desk, "POST", f"{path}/items", 201, name="x", fields={"region": "West"})
    done(desk, "PATCH", f"{path}/fields/region/options/West", label="Far West")
    assert desk.get(f"{path}/items/{item['id']}")["fields"]["region"] == "Far West"
    done(desk, "DELETE", f"{path}/fields/region/options/Far West", 204)
    done(desk, "DELETE", f"{path}/fields/users", 204)
    assert "users" not in desk.get(f"{path}/items/{item['id']}")["fields"]
    done(desk, "DELETE", f"{path}/fields/created_date", 422)
    done(desk, "PATCH", path, title="Renewed")
    done(desk, "POST", f"{path}/fields", 422, label="Bad", type="Text", options=["a"])
    done(desk, "DELETE", path, 204)
    assert "Renewed" not in titles(desk)
    done(desk, "POST", "/lists/accounts/fields", 201, label="Tier", type="Text")
    assert "tier" in [one["name"] for one in desk.get("/lists/accounts/fields")["data"]]
    told = {one["action"] for one in desk.get("/audit?limit=200")["data"]}
    for noun in ("list", "field", "option"):
        assert {f"{noun} created", f"{noun} renamed", f"{noun} deleted"} <= told


def test_what_rules_and_mappings_use_is_not_changed_under_them(desk: Desk) -> None:
    deals = next(one for one in desk.get("/lists")["data"] if one["title"] == "Deals")
    path = f"/lists/{deals['id']}"
    told = done(desk, "PATCH", path, 409, title="Business")["message"]
    assert "this is in use" in told
    assert ".yaml:" in told
    done(desk, "DELETE", f"{path}/fields/status", 409)
    done(desk, "PATCH", f"{path}/fields/status/options/Deal Won", 409, label="Won")
    assert titles(desk)[0] == "Deals"
    assert done(desk, "PATCH", path, title="Business", force=True)["title"] == "Business"


def test_a_key_of_one_list_keeps_to_it_whatever_it_is_called(desk: Desk) -> None:
    """K2: a key holds a list's id, for a title may be another list's tomorrow."""
    leads = next(one for one in desk.get("/lists")["data"] if one["title"] == "Leads")
    made = done(desk, "POST", "/keys", 201, name="form", lists=["Leads"])
    narrow = (made["key"], made["secret"])
    done(desk, "PATCH", f"/lists/{leads['id']}", title="Old leads", force=True)
    other = done(desk, "POST", "/lists", 201, title="Leads")
    assert titles(desk, narrow) == ["Old leads"]
    assert desk.ask("GET", f"/lists/{other['id']}", auth=narrow).status_code == 404
    with desk.house.runtime.db.write() as conn:
        now = desk.house.runtime.clock.now()
        admin = identity.create_key(conn, desk.org, name="a", scopes=["admin"],
                                    lists=[leads["id"]], by="t", at=now)  # fmt: skip
    assert desk.ask("DELETE", f"/lists/{other['id']}", auth=admin).status_code == 404
