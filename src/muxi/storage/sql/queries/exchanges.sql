-- What a chat turn reads and writes beyond one domain.

-- name: look
-- How far the memories of each user are whom a canonical user is made of, and what the synopsis rests on: as
-- memory_versions (memory.sql) and profile_version (synopses.sql), in one statement.
SELECT u.id, u.memory_version, u.memory_floor, u.fact_version, (
    SELECT max(s.made_at) FROM synopses s
    WHERE s.formation_id || '' = :formation_id AND s.user_id = :user_id),
    EXISTS (
        SELECT 1 FROM extractions x
        WHERE x.formation_id = :formation_id AND x.user_id = u.id AND x.opted_out_at IS NOT NULL)
FROM users u
WHERE u.formation_id = :formation_id AND u.canonical_id = :user_id;
