"""Named models with a system message, shared or owned by one user.

types    an agent
store    the port: what a storage does for this domain
service  create, list, choose
"""
