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
SELECT id, user_id, text, kind, importance, channel, agent_id, session_id, seq, said_at, created_at, metadata, NULL,
    times, superseded_at, expires_at, author_id
FROM memories
WHERE formation_id = :formation_id AND id = ANY (CAST(:ids AS text[]))
  AND user_id IN (SELECT id FROM users WHERE formation_id = :formation_id AND canonical_id = :user_id);
