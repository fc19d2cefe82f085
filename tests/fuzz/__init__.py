"""Random calls over HTTP against a model of who may see what: `python -m tests.fuzz`."""
