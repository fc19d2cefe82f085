-- Privacy on SQLite: restored identifiers get their keys, by which look-ups find them.

-- name: restore_identifiers*!
INSERT INTO identifiers (formation_id, value, type, user_id, shown, linked_at, linked_by, verified_at, verified_by, expires_at,
    key)
VALUES (:formation_id, :value, :type, :user_id, :shown, :linked_at, :linked_by, :verified_at, :verified_by, :expires_at,
    identifier_key(:formation_id, :type, :value));
