"""Everything known of a user: handed out, brought back, erased.

types    a receipt, an export, what was restored
tables   what an export holds, column by column
store    the port: what a storage does for this domain
service  erase, export, restore; each in a module of its own

retention_store  the port of what ends
deletion         what a user said, deleted while the user stays
sweeping         what has expired or is too old, cleared away
scrub            what was deleted, out of the database's files
"""
