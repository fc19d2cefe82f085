-- Segments: a user's memories packed, and single memories for their texts. Ownership is checked in every one.

-- name: segment_sizes
SELECT upto, held FROM memory_segments
WHERE formation_id = :formation_id AND user_id = :user_id AND model = coalesce(:model, model)
ORDER BY upto;

-- name: memory_floor$
SELECT memory_floor FROM users WHERE formation_id = :formation_id AND id = :user_id;

-- name: memories_to_pack
-- In the order in which they were last written; also those that were superseded.
SELECT id, user_id, text, kind, importance, channel, agent_id, session_id, seq, said_at, created_at, metadata,
    CASE WHEN coalesce(:model, embedding_model) = embedding_model THEN embedding END, times, superseded_at, expires_at, author_id,
    CASE WHEN coalesce(:model, embedding_model) = embedding_model THEN window_embedding END, traits, version
FROM memories
WHERE formation_id = :formation_id AND user_id = :user_id AND version > :version
  AND (superseded_at IS NULL OR :version > 0)
ORDER BY version
LIMIT :limit;

-- name: hold_owner_at$
-- Locks the owner's row, as every writer of their memories does. No row: something was deleted since, or the formation
-- has another model by now.
UPDATE users SET memory_version = memory_version
WHERE formation_id = :formation_id AND id = :user_id AND memory_floor = :floor AND NOT EXISTS (
    SELECT 1 FROM formations f WHERE f.id = :formation_id AND f.embedding_model <> :model)
RETURNING id;

-- name: add_segment!
INSERT INTO memory_segments (formation_id, user_id, upto, held, data, model)
VALUES (:formation_id, :user_id, :upto, :held, :data,
    coalesce(:model, (SELECT f.embedding_model FROM formations f WHERE f.id = :formation_id), ''))
ON CONFLICT DO NOTHING;

-- name: delete_segment!
DELETE FROM memory_segments
WHERE formation_id = :formation_id AND user_id = :user_id AND upto = :upto;

-- name: delete_segments_of_other_models!
DELETE FROM memory_segments
WHERE formation_id = :formation_id AND user_id = :user_id AND model <> :model;
