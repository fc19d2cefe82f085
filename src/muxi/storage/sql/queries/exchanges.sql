-- What a chat turn reads and writes beyond one domain.

-- name: look
-- How far the memories of each user are whom a canonical user is made of, and what the synopsis rests on: as
-- memory_versions (memory.sql) and profile_version (synopses.sql). Then the same of each team that one of them is in at
-- this moment, with its name; and, without an id, of what is shared by the whole formation. All in one statement.
-- CROSS JOIN: SQLite keeps its order, which is from one user to what is theirs.
SELECT u.id, u.memory_version, u.memory_floor, u.fact_version, (
    SELECT max(s.made_at) FROM synopses s
    WHERE s.formation_id || '' = :formation_id AND s.user_id = :user_id),
    EXISTS (
        SELECT 1 FROM extractions x
        WHERE x.formation_id = :formation_id AND x.user_id = u.id AND x.opted_out_at IS NOT NULL),
    NULL
FROM users u
WHERE u.formation_id = :formation_id AND u.canonical_id = :user_id
UNION ALL
SELECT o.id, o.memory_version, o.memory_floor, o.fact_version, NULL, FALSE, t.name
FROM users g CROSS JOIN team_members m CROSS JOIN teams t CROSS JOIN users o
WHERE g.formation_id = :formation_id AND g.canonical_id = :user_id
  AND m.formation_id = :formation_id AND m.user_id = g.id
  AND t.formation_id = :formation_id AND t.id = m.team_id
  AND o.formation_id = :formation_id AND o.id = m.team_id
UNION ALL
SELECT NULL, f.memory_version, f.memory_floor, 0, NULL, FALSE, NULL
FROM formations f WHERE f.id = :formation_id AND f.memory_version > 0;
