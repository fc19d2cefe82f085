"""What muxi asks of a chat or embedding model, and who answers.

base       the words (prompt, line, usage, completion) and the two ports: chat and embedding model
rendering  a prompt as the list of messages that chat servers take
providers  the models themselves
"""
