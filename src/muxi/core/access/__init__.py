"""Access: who may do what.

types         a key, a role, a token
policy        the permissions, the roles, and the one place that decides
key_text      what a key looks like
keys          keys of applications; key_uses: when they were used
built_in      the two keys that every formation has
roles         roles, a formation's own among them
tokens        short-lived tokens of users; signing: with what they are signed
denials       what was refused, counted and audited
remembered    what is remembered of all this, never longer than it is right
*_store       the ports: what a storage does for this domain
"""
