"""Will hold what is done later for a user: scheduled tasks."""
