"""Conversations and their append-only log of messages.

types    a session, a message, a page of them
store    the port: what a storage does for this domain
service  enter a session, read its messages
"""
