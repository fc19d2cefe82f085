"""Will hold roles, teams and tokens: who may do what."""
