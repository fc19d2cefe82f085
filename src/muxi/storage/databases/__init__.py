"""What differs between the databases: connections, transactions, locks, error texts."""
