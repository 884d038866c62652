"""Lists, fields and options at the command line."""

from tests.cli.shell import Shell


def test_lists_fields_and_options_are_made_renamed_and_deleted(shell: Shell) -> None:
    shell.document("list", "create", "Renewals", "--type", "account", "--sales")
    shell.document("field", "create", "Renewals", "Region", "--type", "list", "--option", "North")
    shell.document("option", "create", "Renewals", "region", "South", "--closed")
    found = shell.document("field", "list", "Renewals")["data"]
    region = next(one for one in found if one["name"] == "region")
    assert [(one["label"], one["is_closed"]) for one in region["options"]] == [
        ("North", False), ("South", True),
    ]  # fmt: skip
    shell.document("option", "rename", "Renewals", "region", "South", "Far South")
    shell.document("option", "delete", "Renewals", "region", "Far South")
    shell.document("field", "rename", "Renewals", "region", "Area")
    shell.document("field", "delete", "Renewals", "area")
    shell.document("field", "create", "accounts", "Tier", "--type", "Text")
    shell.document("list", "rename", "Renewals", "Renewed")
    assert "in use" in shell.refused("list", "rename", "Deals", "Business")
    shell.document("list", "delete", "Renewed", "--yes")
    assert "Renewed" not in shell.read("list", "list")
    assert "there is no type of field" in shell.refused(
        "field", "create", "Deals", "x", "--type", "Colour"
    )
