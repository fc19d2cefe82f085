-- Memories on SQLite: who writes has the whole database.

-- name: hold_free_owners
SELECT id FROM users
WHERE formation_id = :formation_id AND id IN (SELECT value FROM json_each(:ids))
ORDER BY id;
