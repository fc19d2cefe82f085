-- Memories on Postgres: rows of owners that nobody else has locked.

-- name: hold_free_owners
SELECT id FROM users
WHERE formation_id = :formation_id AND id = ANY (CAST(:ids AS text[]))
ORDER BY id
FOR NO KEY UPDATE SKIP LOCKED;
