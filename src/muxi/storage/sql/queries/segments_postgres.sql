-- Lists of ids, as Postgres takes them.

-- name: memories_by_id
SELECT id, user_id, text, kind, importance, channel, agent_id, session_id, seq, said_at, created_at, metadata, NULL,
    times, superseded_at, expires_at, author_id
FROM memories
WHERE formation_id = :formation_id AND id = ANY (CAST(:ids AS text[]))
  AND user_id IN (SELECT id FROM users WHERE formation_id = :formation_id AND canonical_id = :user_id);
