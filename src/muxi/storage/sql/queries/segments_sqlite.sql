-- Where the data is, and lists of ids, as SQLite takes them.

-- name: stored
SELECT rowid, upto FROM memory_segments
WHERE formation_id = :formation_id AND user_id = :user_id AND model = coalesce(:model, model) AND upto > :after
ORDER BY upto;

-- name: memories_by_id
-- Of each user that this user is made of, how far their memories are; those that are there of these, a row each.
SELECT m.id, u.id, m.text, m.kind, m.importance, m.channel, m.agent_id, m.session_id, m.seq, m.said_at, m.created_at,
    m.metadata, NULL, m.times, m.superseded_at, m.expires_at, m.author_id, u.memory_version, u.memory_floor
FROM users u
LEFT JOIN memories m ON m.formation_id = :formation_id AND m.user_id = u.id
  AND m.id IN (SELECT value FROM json_each(:ids))
WHERE u.formation_id = :formation_id AND u.canonical_id = :user_id;
