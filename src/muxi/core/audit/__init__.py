"""The audit: every change of who is who, in a chain that shows when a row was changed or taken out."""
