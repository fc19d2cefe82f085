-- Data in pieces, and lists of ids, as Postgres takes them.

-- name: stored
-- The heads of all, then the data: put in order before any of it is read.
SELECT upto, first < 1,
    CASE WHEN first < 1 THEN substring(data FOR :head) ELSE substring(data FROM first FOR :piece) END
FROM (
    SELECT s.upto, s.data, n.first
    FROM memory_segments s, generate_series(1 - :piece, octet_length(s.data), :piece) AS n (first)
    WHERE s.formation_id = :formation_id AND s.user_id = :user_id AND s.model = coalesce(:model, s.model)
      AND s.upto > :after
    ORDER BY n.first >= 1, s.upto, n.first
) AS ordered;

-- name: memories_by_id
-- Of each user that this user is made of, how far their memories are; those that are there of these, a row each.
SELECT m.id, u.id, m.text, m.kind, m.importance, m.channel, m.agent_id, m.session_id, m.seq, m.said_at, m.created_at,
    m.metadata, NULL, m.times, m.superseded_at, m.expires_at, m.author_id, u.memory_version, u.memory_floor
FROM users u
LEFT JOIN memories m ON m.formation_id = :formation_id AND m.user_id = u.id
  AND m.id = ANY (CAST(:ids AS text[]))
WHERE u.formation_id = :formation_id AND u.canonical_id = :user_id;
