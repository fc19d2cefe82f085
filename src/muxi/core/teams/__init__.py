"""What several users share: memories and a context, owned by a team.

types    a team, a member, what was deleted
store    the port: what a storage does for this domain
service  create, rename, delete, let in and put out, share
"""
