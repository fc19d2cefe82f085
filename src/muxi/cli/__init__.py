"""The command line: ``muxi serve``, ``muxi chat``, ``muxi db`` and the others."""
