"""What is remembered, and how it is found again.

types    a memory, a hit of a search
store    the port: what a storage does for this domain
service  remember, recall, forget
recall   the ranker: candidates, features, one weighted sum, top k
features what speaks for a memory; weights says how much
rows     one user's memories in arrays; bm25 its words
traits   what is read out of a text once, and stored
buffer   the documented BufferMemory: the recent messages of a session
"""
