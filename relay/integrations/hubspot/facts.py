"""From a contact's properties at HubSpot to the facts of a person."""

from collections.abc import Mapping

from relay import people
from relay.core.facts import a_text

Json = Mapping[str, object]

# HubSpot's default contact properties, asked for by name: others come only when they are.
PROPERTIES = ("email", "firstname", "lastname", "phone", "mobilephone", "company", "jobtitle",
              "website", "address", "city", "state", "zip", "country")  # fmt: skip


def plain(properties: Json) -> dict[str, object]:
    """Properties as names and values; the older shape keeps each value with its history."""
    return {
        name: value.get("value") if isinstance(value, Mapping) else value
        for name, value in properties.items()
    }


def of_person(properties: Json) -> dict[str, object]:
    """The facts of a `person.enriched`."""
    found = plain(properties)
    person = people.person(
        {
            "email": a_text(found.get("email")),
            "first_name": a_text(found.get("firstname")),
            "last_name": a_text(found.get("lastname")),
            "phone": a_text(found.get("phone")) or a_text(found.get("mobilephone")),
            "company": a_text(found.get("company")),
        }
    )
    lines = [a_text(found.get(name)) for name in ("address", "city", "state", "zip", "country")]
    return person | {
        "emails": [person["email"]] if person["email"] else [],
        "title": a_text(found.get("jobtitle")),
        "website": a_text(found.get("website")),
        "address": ", ".join(line for line in lines if line) or None,
    }


def of_form(properties: Json) -> dict[str, object]:
    """The facts of a `form.submitted`: the person, and every property under its name."""
    person = of_person(properties)
    kept = ("email", "name", "first_name", "last_name", "phone", "company")
    fields = {name: value for name, value in plain(properties).items() if value not in (None, "")}
    return {name: person[name] for name in kept} | {"fields": fields}
