-- Segments: a user's memories packed, and single memories for their texts. Ownership is checked in every one.

-- name: segments
SELECT upto, held, data FROM memory_segments
WHERE formation_id = :formation_id AND user_id = :user_id
ORDER BY upto;

-- name: segment_sizes
SELECT upto, held FROM memory_segments
WHERE formation_id = :formation_id AND user_id = :user_id
ORDER BY upto;

-- name: memory_floor$
SELECT memory_floor FROM users WHERE formation_id = :formation_id AND id = :user_id;

-- name: memories_to_pack
-- In the order in which they were last written; also those that were superseded.
SELECT id, user_id, text, kind, importance, channel, agent_id, session_id, seq, said_at, created_at, metadata, embedding,
    times, superseded_at, expires_at, window_embedding, traits, version
FROM memories
WHERE formation_id = :formation_id AND user_id = :user_id AND version > :version
  AND (superseded_at IS NULL OR :version > 0)
ORDER BY version
LIMIT :limit;

-- name: hold_owner_at$
-- Locks the owner's row, as every writer of their memories does. No row: something was deleted since.
UPDATE users SET memory_version = memory_version
WHERE formation_id = :formation_id AND id = :user_id AND memory_floor = :floor
RETURNING id;

-- name: add_segment!
INSERT INTO memory_segments (formation_id, user_id, upto, held, data)
VALUES (:formation_id, :user_id, :upto, :held, :data)
ON CONFLICT DO NOTHING;

-- name: delete_segment!
DELETE FROM memory_segments
WHERE formation_id = :formation_id AND user_id = :user_id AND upto = :upto;

-- name: delete_segments!
DELETE FROM memory_segments
WHERE formation_id = :formation_id AND user_id = :user_id;
