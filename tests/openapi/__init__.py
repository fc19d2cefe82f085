"""Whether the server does what its OpenAPI document says: `python -m tests.openapi`."""
