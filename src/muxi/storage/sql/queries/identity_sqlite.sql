-- Identity on SQLite: what links an identifier writes its key, by which look-ups find it.

-- name: find_key
-- One tree of numbers instead of four of texts. Another identifier may have the same key; what is not here may still be
-- under the untyped row of the value.
SELECT canonical_id, created_at, type, verified, disabled FROM lookups
WHERE key = ? AND value = ? AND type = ? AND formation_id = ?;

-- name: add_identifier$
INSERT INTO identifiers (formation_id, value, type, user_id, shown, linked_at, linked_by, key)
VALUES (:formation_id, :value, :type, :user_id, :shown, :linked_at, :linked_by,
    identifier_key(:formation_id, :type, :value))
ON CONFLICT DO NOTHING
RETURNING EXISTS (
    SELECT 1 FROM identifiers o
    WHERE o.formation_id = :formation_id AND o.value = :value AND o.type <> :type);
