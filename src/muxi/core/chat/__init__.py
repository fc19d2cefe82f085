"""One turn of a conversation.

reply   the recipe, on one screen
prompt  what the model is given
"""
