-- Identity: which user an identifier means.

-- name: find_value
-- Under every type: which of them is meant is decided by who reads. On SQLite this takes two thirds of the time of a
-- query that decides, and the survivor of a merge is looked for only where there was one.
-- SQLite knows the type of a column but not of an expression: its name tells it.
SELECT
    u.canonical_id,
    CASE WHEN u.canonical_id = u.id THEN u.created_at ELSE (
        SELECT c.created_at FROM users c WHERE c.formation_id = :formation_id AND c.id = u.canonical_id) END
        AS "created_at [timestamptz]",
    i.type,
    i.verified_at IS NOT NULL,
    CASE WHEN u.canonical_id = u.id THEN u.disabled_at ELSE (
        SELECT c.disabled_at FROM users c WHERE c.formation_id = :formation_id AND c.id = u.canonical_id) END
FROM identifiers i
JOIN users u ON u.formation_id = i.formation_id AND u.id = i.user_id
WHERE i.formation_id = :formation_id AND i.value = :value;

-- name: find_untyped
-- The value under any type; a secret is stored under its hash.
SELECT c.id, c.created_at, i.type, i.verified_at IS NOT NULL, c.disabled_at
FROM identifiers i
JOIN users u ON u.formation_id = i.formation_id AND u.id = i.user_id
JOIN users c ON c.formation_id = u.formation_id AND c.id = u.canonical_id
WHERE i.formation_id = :formation_id AND i.value IN (:value, :hashed);

-- name: find_user^
-- An id given out before a merge keeps working: it means the surviving user.
SELECT c.id, c.created_at, c.disabled_at
FROM users u
JOIN users c ON c.formation_id = u.formation_id AND c.id = u.canonical_id
WHERE u.formation_id = :formation_id AND u.id = :user_id;

-- name: add_user!
INSERT INTO users (formation_id, id, canonical_id, created_at)
VALUES (:formation_id, :user_id, :user_id, :created_at);

-- name: add_identifier$
-- No row: it is linked already. True: the value is known under another type too, and a look-up without a type
-- means something else from now on.
INSERT INTO identifiers (formation_id, value, type, user_id, shown, linked_at, linked_by)
VALUES (:formation_id, :value, :type, :user_id, :shown, :linked_at, :linked_by)
ON CONFLICT DO NOTHING
RETURNING EXISTS (
    SELECT 1 FROM identifiers o
    WHERE o.formation_id = :formation_id AND o.value = :value AND o.type <> :type);

-- name: identifiers_of
-- CROSS JOIN: SQLite keeps its order, which is from the user to what is theirs.
SELECT i.type, i.value, i.shown, i.linked_at, i.linked_by, i.verified_at
FROM users u CROSS JOIN identifiers i
WHERE u.formation_id = :formation_id AND u.canonical_id = :user_id AND i.formation_id = :formation_id AND i.user_id = u.id
ORDER BY i.linked_at, i.shown, i.type;

-- name: remove_identifier$
DELETE FROM identifiers
WHERE formation_id = :formation_id AND value = :value AND type = :type
  AND user_id IN (SELECT id FROM users WHERE formation_id = :formation_id AND canonical_id = :user_id)
RETURNING value;

-- name: lock_user$
-- Changes nothing, but makes other writers of this user's identifiers wait.
UPDATE users SET canonical_id = canonical_id
WHERE formation_id = :formation_id AND id = :user_id AND canonical_id = :user_id
RETURNING id;

-- name: identity_version$
SELECT identity_version FROM formations WHERE id = :formation_id;

-- name: move_identity_version!
UPDATE formations SET identity_version = identity_version + 1 WHERE id = :formation_id;

-- name: verify_identifier$
-- No row: the user has none, or it is proven already.
UPDATE identifiers SET verified_at = :at, verified_by = :by
WHERE formation_id = :formation_id AND value = :value AND type = :type AND verified_at IS NULL
  AND user_id IN (SELECT id FROM users WHERE formation_id = :formation_id AND canonical_id = :user_id)
RETURNING value;
