"""The HTTP server: routes, their schemas, keys and problem documents."""
