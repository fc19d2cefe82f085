"""What is remembered, and how it is found again.

types    a memory, a hit of a search
store    the port: what a storage does for this domain
service  remember, recall, forget
recall   the ranker: features, one weighted sum, top k
buffer   the documented BufferMemory: the recent messages of a session
"""
