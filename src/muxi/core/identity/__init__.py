"""Users and their identifiers.

types    a user, an identifier, and the normal form of one
store    the port: what a storage does for this domain
service  resolve, associate, unlink
"""
