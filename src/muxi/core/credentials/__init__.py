"""Will hold a user's secrets for other services, encrypted."""
