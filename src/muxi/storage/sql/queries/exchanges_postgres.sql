-- Exchanges on Postgres: what takes a transaction of seven statements elsewhere, in one.

-- name: save_exchange^
-- No row: a request of this key has stored its exchange already, the session has ended, or the user was erased. Rows are locked in the order
-- in which the transaction locks them: the user against erasure, the session, the user's count, what waits.
WITH kept AS MATERIALIZED (
    SELECT id FROM users WHERE formation_id = :formation_id AND id = :user_id FOR KEY SHARE
), place AS (
    UPDATE sessions SET next_seq = next_seq + 2, last_at = :created_at
    WHERE formation_id = :formation_id AND id = :session_id AND ended_at IS NULL AND EXISTS (SELECT 1 FROM kept)
      AND NOT EXISTS (
        SELECT 1 FROM messages q
        WHERE q.formation_id = :formation_id AND q.request_key = :key
          AND q.user_id IN (SELECT id FROM users WHERE formation_id = :formation_id AND canonical_id = :user_id))
    RETURNING next_seq - 2 AS seq
), counted AS (
    UPDATE users SET memory_version = memory_version + 1
    WHERE formation_id = :formation_id AND id = :user_id AND EXISTS (SELECT 1 FROM place)
    RETURNING memory_version AS version
), waits AS (
    INSERT INTO extractions (formation_id, user_id, said, waiting_since, waiting_tokens)
    SELECT :formation_id, :user_id, 1, :created_at, :waiting_tokens
    FROM counted WHERE :waiting_tokens > 0
    ON CONFLICT (formation_id, user_id) DO UPDATE SET
        said = extractions.said + 1,
        waiting_since = coalesce(extractions.waiting_since, excluded.waiting_since),
        waiting_tokens = extractions.waiting_tokens + excluded.waiting_tokens
    WHERE extractions.opted_out_at IS NULL
    RETURNING said
), said AS (
    INSERT INTO messages (formation_id, session_id, seq, id, user_id, role, text, agent_id, metadata, created_at,
        request_key, place)
    SELECT :formation_id, :session_id, seq, :asked_id, :user_id, 'user', :text, :agent_id, :metadata, :created_at,
        :key, (SELECT said FROM waits)
    FROM place
), answered AS (
    INSERT INTO messages (formation_id, session_id, seq, id, user_id, role, text, agent_id, metadata, created_at)
    SELECT :formation_id, :session_id, seq + 1, :answer_id, :user_id, 'assistant', :answer, :agent_id,
        :answer_metadata, :created_at
    FROM place
)
INSERT INTO memories (formation_id, id, user_id, version, kind, text, importance, channel, agent_id, session_id, seq,
    said_at, created_at, metadata, embedding, embedding_model, text_key)
SELECT :formation_id, :id, :user_id, version, :kind, :text, :importance, :channel, :agent_id, :session_id, seq,
    :said_at, :created_at, :metadata, CASE WHEN NOT EXISTS (
        SELECT 1 FROM formations f WHERE f.id = :formation_id AND f.embedding_model <> :embedding_model)
    THEN CAST(:embedding AS bytea) END, :embedding_model, :text_key
FROM place, counted
RETURNING seq, version;
