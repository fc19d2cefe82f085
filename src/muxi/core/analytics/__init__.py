"""Will hold what was used, by whom, and how much."""
