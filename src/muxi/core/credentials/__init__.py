"""Credentials: users' secrets for outside services, sealed. envelope: the seals; master_keys: what opens them."""
