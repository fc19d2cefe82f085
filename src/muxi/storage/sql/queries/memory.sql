-- Memories: remembered texts and their vectors. Ownership is checked in every one.

-- name: move_memory_version$
-- Locks the owner's row: the writes to one user's memories have one order.
UPDATE users SET memory_version = memory_version + :count
WHERE formation_id = :formation_id AND id = :user_id
RETURNING memory_version;

-- name: move_memory_version_without_user$
UPDATE formations SET memory_version = memory_version + :count
WHERE id = :formation_id
RETURNING memory_version;

-- name: move_memory_floor!
-- Something was deleted: what was read before must be read anew.
UPDATE users SET memory_version = memory_version + 1, memory_floor = memory_version + 1
WHERE formation_id = :formation_id AND id = :user_id;

-- name: move_memory_floor_without_user!
UPDATE formations SET memory_version = memory_version + 1, memory_floor = memory_version + 1
WHERE id = :formation_id;

-- name: forget_segments!
-- They hold what is deleted, and are made anew of what is left.
DELETE FROM memory_segments WHERE formation_id = :formation_id AND user_id = :user_id;

-- name: forget_all_segments!
-- Of everybody. Their vectors are of another model.
DELETE FROM memory_segments WHERE formation_id = :formation_id;

-- name: memory_versions
-- Of each user that this user is made of.
SELECT id, memory_version, memory_floor FROM users
WHERE formation_id = :formation_id AND canonical_id = :user_id;

-- name: memory_versions_without_user
SELECT NULL, memory_version, memory_floor FROM formations WHERE id = :formation_id;

-- name: add_memory!
-- 0 rows: a request of this key has stored it already. A vector of a model that is the formation's no more is left out.
-- (The second case never is: it says of which type the third one is.)
INSERT INTO memories (formation_id, id, user_id, version, kind, text, importance, channel, agent_id, session_id, seq,
    said_at, created_at, metadata, request_key, embedding, embedding_model, text_key,
    expires_at, author_id)
VALUES (:formation_id, :id, :user_id, :version, :kind, :text, :importance, :channel, :agent_id, :session_id, :seq,
    :said_at, :created_at, :metadata, :request_key, (
        SELECT CASE WHEN f.embedding_model <> :embedding_model THEN NULL WHEN f.id IS NULL THEN f.hash_key ELSE :embedding END
        FROM formations f WHERE f.id = :formation_id),
    :embedding_model, :text_key, :expires_at, :author_id)
ON CONFLICT DO NOTHING;

-- name: memories_since
-- Vectors of another model are as good as none: they are not near anything that this process asks.
-- With those that were superseded since, for whoever has read them before.
SELECT id, user_id, text, kind, importance, channel, agent_id, session_id, seq, said_at, created_at, metadata,
    CASE WHEN coalesce(:model, embedding_model) = embedding_model THEN embedding END, times, superseded_at, expires_at, author_id,
    CASE WHEN coalesce(:model, embedding_model) = embedding_model THEN window_embedding END, traits
FROM memories
WHERE formation_id = :formation_id AND user_id = :user_id AND version > :version
  AND (superseded_at IS NULL OR :version > 0);

-- name: memories_since_without_user
SELECT id, user_id, text, kind, importance, channel, agent_id, session_id, seq, said_at, created_at, metadata,
    CASE WHEN coalesce(:model, embedding_model) = embedding_model THEN embedding END, times, superseded_at, expires_at, author_id,
    CASE WHEN coalesce(:model, embedding_model) = embedding_model THEN window_embedding END, traits
FROM memories
WHERE formation_id = :formation_id AND user_id IS NULL AND version > :version;

-- name: notes_since_without_user
-- What applications stored on purpose: it is shared by the whole formation. What was said without a user is not.
SELECT id, user_id, text, kind, importance, channel, agent_id, session_id, seq, said_at, created_at, metadata,
    CASE WHEN coalesce(:model, embedding_model) = embedding_model THEN embedding END, times, superseded_at, expires_at, author_id,
    CASE WHEN coalesce(:model, embedding_model) = embedding_model THEN window_embedding END, traits
FROM memories
WHERE formation_id = :formation_id AND user_id IS NULL AND version > :version AND kind = 'note';

-- name: memories_of
-- Newest first; the cursor is the last row's id.
SELECT id, user_id, text, kind, importance, channel, agent_id, session_id, seq, said_at, created_at, metadata, embedding,
    times, superseded_at, expires_at, author_id
FROM memories
WHERE formation_id = :formation_id
  AND user_id IN (SELECT id FROM users WHERE formation_id = :formation_id AND canonical_id = :user_id)
  AND id < :before AND superseded_at IS NULL
ORDER BY id DESC
LIMIT :limit;

-- name: memories_without_user
SELECT id, user_id, text, kind, importance, channel, agent_id, session_id, seq, said_at, created_at, metadata, embedding,
    times, superseded_at, expires_at, author_id
FROM memories
WHERE formation_id = :formation_id AND user_id IS NULL AND id < :before
ORDER BY id DESC
LIMIT :limit;

-- name: memories_by_request
-- What a request of this key has stored already.
SELECT id, user_id, text, kind, importance, channel, agent_id, session_id, seq, said_at, created_at, metadata, embedding,
    times, superseded_at, expires_at, author_id
FROM memories
WHERE formation_id = :formation_id AND request_key = :request_key
  AND user_id IN (SELECT id FROM users WHERE formation_id = :formation_id AND canonical_id = :user_id);

-- name: memories_by_request_without_user
SELECT id, user_id, text, kind, importance, channel, agent_id, session_id, seq, said_at, created_at, metadata, embedding,
    times, superseded_at, expires_at, author_id
FROM memories
WHERE formation_id = :formation_id AND request_key = :request_key AND user_id IS NULL;

-- name: owner_of_memory$
-- Another user's id is as unknown as none.
SELECT user_id FROM memories
WHERE formation_id = :formation_id AND id = :id
  AND user_id IN (SELECT id FROM users WHERE formation_id = :formation_id AND canonical_id = :user_id);

-- name: delete_memory!
DELETE FROM memories
WHERE formation_id = :formation_id AND id = :id AND user_id = :user_id;

-- name: memory_without_user_exists$
SELECT 1 FROM memories WHERE formation_id = :formation_id AND id = :id AND user_id IS NULL;

-- name: delete_memory_without_user!
DELETE FROM memories
WHERE formation_id = :formation_id AND id = :id AND user_id IS NULL;

-- name: memories_to_embed
-- Of everybody. Oldest first. What is embedded twice by two processes is written once.
SELECT id, user_id, text FROM memories
WHERE formation_id = :formation_id AND embedding IS NULL
ORDER BY id
LIMIT :limit;

-- name: memories_waiting^
-- Of everybody. Read from the index of what waits.
SELECT count(*), min(created_at) AS "since [timestamptz]" FROM memories
WHERE formation_id = :formation_id AND embedding IS NULL;

-- name: set_embedding!
-- The user is named beside it.
-- Of these words only, and only of the formation's model. The window's is of the same model, so it is made anew.
UPDATE memories SET embedding = :embedding, embedding_model = :model, window_embedding = NULL, version = :version
WHERE formation_id = :formation_id AND id = :id AND text = :text AND NOT EXISTS (
    SELECT 1 FROM formations f WHERE f.id = :formation_id AND f.embedding_model <> :model);

-- name: memories_to_place
-- Of everybody. Oldest first, each with the texts of the two before it in its session.
SELECT m.id, m.user_id, m.text, m.said_at, (
        SELECT p.text FROM memories p
        WHERE p.formation_id = :formation_id AND coalesce(p.user_id, '') = coalesce(m.user_id, '')
          AND p.session_id = m.session_id AND m.session_id <> '' AND (p.seq, p.id) < (m.seq, m.id)
        ORDER BY p.seq DESC, p.id DESC LIMIT 1 OFFSET 1),
    (
        SELECT p.text FROM memories p
        WHERE p.formation_id = :formation_id AND coalesce(p.user_id, '') = coalesce(m.user_id, '')
          AND p.session_id = m.session_id AND m.session_id <> '' AND (p.seq, p.id) < (m.seq, m.id)
        ORDER BY p.seq DESC, p.id DESC LIMIT 1)
FROM memories m
WHERE m.formation_id || '' = :formation_id AND m.window_embedding IS NULL AND m.embedding IS NOT NULL
  AND m.embedding_model = coalesce(:model, m.embedding_model)
ORDER BY m.id
LIMIT :limit;

-- name: memory_in_place^
-- The user is named beside it. The same of one memory, as it is now.
SELECT m.id, m.user_id, m.text, m.said_at, (
        SELECT p.text FROM memories p
        WHERE p.formation_id = :formation_id AND coalesce(p.user_id, '') = coalesce(m.user_id, '')
          AND p.session_id = m.session_id AND m.session_id <> '' AND (p.seq, p.id) < (m.seq, m.id)
        ORDER BY p.seq DESC, p.id DESC LIMIT 1 OFFSET 1),
    (
        SELECT p.text FROM memories p
        WHERE p.formation_id = :formation_id AND coalesce(p.user_id, '') = coalesce(m.user_id, '')
          AND p.session_id = m.session_id AND m.session_id <> '' AND (p.seq, p.id) < (m.seq, m.id)
        ORDER BY p.seq DESC, p.id DESC LIMIT 1)
FROM memories m
WHERE m.formation_id = :formation_id AND m.id = :id AND m.embedding IS NOT NULL
  AND m.embedding_model = coalesce(:model, m.embedding_model);

-- name: set_window!
-- The user is named beside it.
UPDATE memories SET window_embedding = :window, traits = :traits, version = :version
WHERE formation_id = :formation_id AND id = :id;

-- name: forget_windows_with!
-- The user is named beside it. Of the two memories after one in its session: their windows hold its text.
UPDATE memories SET window_embedding = NULL
WHERE formation_id = :formation_id AND id IN (
    SELECT n.id FROM memories m JOIN memories n
        ON n.formation_id = m.formation_id AND coalesce(n.user_id, '') = coalesce(m.user_id, '')
        AND n.session_id = m.session_id AND (n.seq, n.id) > (m.seq, m.id)
    WHERE m.formation_id = :formation_id AND m.id = :id AND m.session_id <> ''
    ORDER BY n.seq, n.id
    LIMIT 2);

-- name: count_other_embeddings$
-- Of everybody. What re-embedding still has to do.
SELECT count(*) FROM memories
WHERE formation_id = :formation_id AND (embedding_model IS NULL OR embedding_model <> :model);

-- name: memories_of_other_models
-- Of everybody.
SELECT id, user_id, text FROM memories
WHERE formation_id = :formation_id AND id > :after AND (embedding_model IS NULL OR embedding_model <> :model)
ORDER BY id
LIMIT :limit;
