"""Will hold export, erasure and retention of everything known of a user."""
