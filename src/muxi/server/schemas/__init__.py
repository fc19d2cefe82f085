"""What requests and responses look like as JSON, a module for each kind of thing."""
