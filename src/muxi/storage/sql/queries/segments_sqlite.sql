-- Where the data is, and lists of ids, as SQLite takes them.

-- name: stored
SELECT rowid, upto FROM memory_segments
WHERE formation_id = :formation_id AND user_id = :user_id AND model = coalesce(:model, model) AND upto > :after
ORDER BY upto;

-- name: memories_by_id
SELECT id, user_id, text, kind, importance, channel, agent_id, session_id, seq, said_at, created_at, metadata, NULL,
    times, superseded_at, expires_at, author_id
FROM memories
WHERE formation_id = :formation_id AND id IN (SELECT value FROM json_each(:ids))
  AND user_id IN (SELECT id FROM users WHERE formation_id = :formation_id AND canonical_id = :user_id);
