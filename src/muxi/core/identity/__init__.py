"""Users and their identifiers.

types    a user, an identifier, and the normal form of one
store    the port: what a storage does for this domain
service  resolve, associate, unlink
kinds    the types of identifiers, and what each takes for the same
claims   who asks for an identifier, so that one that many ask for is found
"""
