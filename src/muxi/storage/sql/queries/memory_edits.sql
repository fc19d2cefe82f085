-- Single memories, and what they said before they were changed. Ownership is checked in every one.

-- name: find_memory^
-- Another user's id is as unknown as none.
SELECT id, user_id, text, kind, importance, channel, agent_id, session_id, seq, said_at, created_at, metadata, embedding,
    times, superseded_at, expires_at, author_id
FROM memories
WHERE formation_id = :formation_id AND id = :id
  AND user_id IN (SELECT id FROM users WHERE formation_id = :formation_id AND canonical_id = :user_id);

-- name: keep_revision!
INSERT INTO memory_edits (formation_id, memory_id, number, user_id, text, importance, metadata, replaced_at)
SELECT m.formation_id, m.id, (
        SELECT COALESCE(max(e.number), 0) + 1 FROM memory_edits e WHERE e.formation_id = :formation_id AND e.memory_id = m.id),
    m.user_id, m.text, m.importance, m.metadata, :now
FROM memories m
WHERE m.formation_id = :formation_id AND m.id = :id AND m.user_id = :user_id;

-- name: change_text!
-- The vectors are of the old words.
UPDATE memories SET text = :text, text_key = :text_key, embedding = NULL, embedding_model = NULL,
    window_embedding = NULL, traits = NULL
WHERE formation_id = :formation_id AND id = :id AND user_id = :user_id;

-- name: change_memory!
-- With a version of its own, so that whoever has read the memory reads it anew.
UPDATE memories SET importance = :importance, metadata = :metadata, version = :version
WHERE formation_id = :formation_id AND id = :id AND user_id = :user_id;

-- name: revisions
SELECT text, importance, metadata, replaced_at FROM memory_edits
WHERE formation_id = :formation_id AND memory_id = :id
  AND user_id IN (SELECT id FROM users WHERE formation_id = :formation_id AND canonical_id = :user_id)
ORDER BY number DESC;
