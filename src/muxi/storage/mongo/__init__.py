"""Memobase on MongoDB: memories and facts there, all else in the formation's SQL database.

- `connection`: the client, its collections and indexes; `errors`: what the driver raises, translated
- `owners`: one document a user, which every write goes through; `documents`: memories and facts as documents
- `memory`, `memory_edits`, `facts`, `fact_plans`: the stores of `muxi.core.memory`
- `beside_sql`: those of a formation that has conversations in SQL; `extraction`, `synopses`, `merges`: what reads both
- `forgetting`, `privacy`: erasure, deletion, export and expiry; `open`: all of it, put together
"""
