"""The HTTP server: `run` starts it, `app` wires it, `routes` are its doors, `schemas` what goes through them.

`caller` says who calls and for whom, `description` tells OpenAPI of it, `keys` what lets them in, `problems` how errors
look, `door` and `limits` guard every request, `hang_up` and `events` serve answers that take their time.
"""
