"""The routes of one formation, a module for each kind of thing, and those of the server's health."""
