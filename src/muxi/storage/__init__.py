"""The adapters that keep what the domains ask their ports for.

sql  SQLite and Postgres, behind the same ports and the same named queries
"""
