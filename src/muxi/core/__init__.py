"""The library: one user, many identifiers, one memory.

orchestrator  the documented names, each one line long
formation     opens, wires and closes every part of one tenant
chat          the recipe of one chat turn
privacy       recipes over everything that is known of a user
identity      users and the identifiers by which channels know them
sessions      conversations and their log of messages
memory        what is remembered, and how it is found again
agents        named models with a system message
models        what a chat model and an embedding model are, and those that we ship
access        who may do what
credentials   a user's secrets for other services
tasks         what is done later, for a user
analytics     what was used, and how much

Calls go downwards in this order; the parts from identity on never import each other.
In each, types.py has the words, store.py the port, service.py the rules.
"""
