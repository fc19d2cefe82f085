"""What several test suites need: servers of models, and the like."""
