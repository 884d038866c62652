"""The CRM as we see it, and the two ways to reach one."""
