"""What other systems remember, brought here.

`service.import_file` is the recipe, `formats` says how each system writes, `store` what a database has to do for it.
"""
