-- Imports: look-ups of many memories, as Postgres takes lists.

-- name: memories_stored
-- Of everybody. Whosesoever they are: of users who were merged they can be under another name.
SELECT id FROM memories WHERE formation_id = :formation_id AND id = ANY (CAST(:ids AS text[]));
