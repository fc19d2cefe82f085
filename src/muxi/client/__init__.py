"""The client SDK: two thin shells (`sync`, `aio`; `users`, `context`, `proofs`) around parts without input or output.

`connection` knows where the server is and as whom to speak to it, `identifiers` checks who is meant, `requests` builds
every request, `answers` takes every response apart: `reading` makes the values of `replies` of it, `faults` the errors
of `muxi.errors`. `events` follows a streamed answer, and `retry` decides what is tried again. `wire` alone sends.
"""
