"""SQLAlchemy lives here and nowhere else (but in the embedded CRM, which is storage too)."""
