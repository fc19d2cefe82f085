"""The models that come with muxi.

openai       chat, streaming and embeddings from any OpenAI-compatible server
faults       what such a server can do wrong, as our errors
connections  its HTTP clients, one per event loop
local        embeddings on this machine, offline
quote        the chat model of last resort: it quotes what was recalled

`openai` takes more than a second to import: import it only where a formation names such a model.
"""
