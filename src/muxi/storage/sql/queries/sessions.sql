-- Sessions: conversations, their message log, and the buffer, which is a window on the log.
--
-- Where the user's index is meant, the formation is compared as formation_id || '': SQLite would take the front of the
-- primary key instead, and read the whole formation. CROSS JOIN keeps the order of a join there.

-- name: find_session^
SELECT s.id, s.user_id, s.name, s.channel, s.started_at, s.last_at, s.next_seq - 1, s.metadata, s.ended_at, s.expires_at,
    s.idle_s
FROM sessions s
WHERE s.formation_id = :formation_id AND s.id = :session_id
  AND s.user_id IN (SELECT id FROM users WHERE formation_id = :formation_id AND canonical_id = :user_id);

-- name: get_session^
-- Of everybody.
SELECT id, user_id, name, channel, started_at, last_at, next_seq - 1, metadata, ended_at, expires_at, idle_s
FROM sessions
WHERE formation_id = :formation_id AND id = :session_id;

-- name: open_session!
-- Opened by itself, and not by a first message.
INSERT INTO sessions (formation_id, id, user_id, key, name, channel, started_at, last_at, metadata, expires_at, idle_s)
VALUES (:formation_id, :session_id, :user_id, :key, :name, :channel, :started_at, :started_at, :metadata, :expires_at,
    :idle_s);

-- name: end_session!
-- The user is named beside it. Whoever comes again by its name begins anew.
UPDATE sessions SET ended_at = :now, key = 'ended:' || id
WHERE formation_id = :formation_id AND id = :session_id AND ended_at IS NULL;

-- name: find_session_without_user^
SELECT id, user_id, name, channel, started_at, last_at, next_seq - 1, metadata, ended_at, expires_at, idle_s
FROM sessions
WHERE formation_id = :formation_id AND id = :session_id AND user_id IS NULL;

-- name: find_session_by_key^
-- After a merge two sessions can have one key: the one used last goes on.
SELECT s.id, s.user_id, s.name, s.channel, s.started_at, s.last_at, s.next_seq - 1
FROM sessions s
WHERE s.formation_id = :formation_id AND s.key = :key
  AND s.user_id IN (SELECT id FROM users WHERE formation_id = :formation_id AND canonical_id = :user_id)
ORDER BY s.last_at DESC
LIMIT 1;

-- name: find_own_session^
SELECT id, user_id, name, channel, started_at, last_at, next_seq - 1
FROM sessions
WHERE formation_id = :formation_id AND user_id = :user_id AND key = :key;

-- name: session_and_buffer
-- A turn's session and what was said last in it, in one statement: a row a message, or one without.
SELECT s.id, s.user_id, s.name, s.channel, s.started_at, s.last_at, s.next_seq - 1, m.role, m.text
FROM (
    SELECT o.* FROM sessions o
    WHERE o.formation_id = :formation_id AND o.key = :key
      AND o.user_id IN (SELECT id FROM users WHERE formation_id = :formation_id AND canonical_id = :user_id)
    ORDER BY o.last_at DESC
    LIMIT 1) s
LEFT JOIN messages m ON m.formation_id = s.formation_id AND m.session_id = s.id AND m.seq >= s.next_seq - :size
  AND m.user_id IN (SELECT id FROM users WHERE formation_id = :formation_id AND canonical_id = :user_id)
  AND NOT EXISTS (
    SELECT 1 FROM buffer_clears c
    WHERE c.formation_id = :formation_id AND c.session_id = m.session_id
      AND c.agent_id IN ('', m.agent_id) AND c.through_seq >= m.seq)
ORDER BY m.seq;

-- name: find_session_by_key_without_user^
SELECT id, user_id, name, channel, started_at, last_at, next_seq - 1
FROM sessions
WHERE formation_id = :formation_id AND key = :key AND user_id IS NULL;

-- name: add_session!
-- 0 rows: somebody was faster, read again.
INSERT INTO sessions (formation_id, id, user_id, key, name, channel, started_at, last_at)
VALUES (:formation_id, :session_id, :user_id, :key, :name, :channel, :started_at, :started_at)
ON CONFLICT DO NOTHING;

-- name: sessions_of
-- Newest first; the cursor is the last row's (last_at, id). One whose first turn failed holds nothing yet.
SELECT s.id, s.user_id, s.name, s.channel, s.started_at, s.last_at, s.next_seq - 1, s.metadata, s.ended_at, s.expires_at,
    s.idle_s
FROM sessions s
WHERE s.formation_id || '' = :formation_id
  AND s.user_id IN (SELECT id FROM users WHERE formation_id = :formation_id AND canonical_id = :user_id)
  AND (s.next_seq > 1 OR s.metadata IS NOT NULL)
  AND (s.last_at < :before_at OR (s.last_at = :before_at AND s.id < :before_id))
ORDER BY s.last_at DESC, s.id DESC
LIMIT :limit;

-- name: reserve_seq$
-- The user is named beside it.
-- The row's lock keeps two turns of one session apart: each gets consecutive numbers. No row: it is gone, or has ended.
UPDATE sessions SET next_seq = next_seq + :count, last_at = :now
WHERE formation_id = :formation_id AND id = :session_id AND ended_at IS NULL
RETURNING next_seq;

-- name: add_message!
INSERT INTO messages (formation_id, session_id, seq, id, user_id, role, text, agent_id, metadata, created_at, request_key,
    place)
VALUES (:formation_id, :session_id, :seq, :id, :user_id, :role, :text, :agent_id, :metadata, :created_at, :request_key,
    :place);

-- name: messages_of
-- The user is named beside it.
-- Newest first; the cursor is the last row's seq. The caller has found the session as the user's own. What was said in
-- it while its user was one with another belongs to that one.
SELECT id, session_id, seq, role, text, agent_id, metadata, created_at
FROM messages
WHERE formation_id = :formation_id AND session_id = :session_id AND seq < :before_seq
  AND (user_id IS NULL OR user_id IN (
    SELECT o.id FROM users u JOIN users o ON o.formation_id = u.formation_id AND o.canonical_id = u.canonical_id
    WHERE u.formation_id = :formation_id AND u.id = :user_id))
ORDER BY seq DESC
LIMIT :limit;

-- name: buffer_of
-- The user is named beside it. The newest messages of one session that were not cleared, newest first.
SELECT m.role, m.text
FROM messages m
WHERE m.formation_id = :formation_id AND m.session_id = :session_id
  AND (m.user_id IS NULL OR m.user_id IN (
    SELECT o.id FROM users u JOIN users o ON o.formation_id = u.formation_id AND o.canonical_id = u.canonical_id
    WHERE u.formation_id = :formation_id AND u.id = :user_id))
  AND NOT EXISTS (
    SELECT 1 FROM buffer_clears c
    WHERE c.formation_id = :formation_id AND c.session_id = m.session_id
      AND c.agent_id IN ('', m.agent_id) AND c.through_seq >= m.seq)
ORDER BY m.seq DESC
LIMIT :limit;

-- name: windows_of
-- The searchable window of each of a user's sessions, with the vectors of what became a memory
-- (a message's memory has the message's own id behind another prefix).
SELECT m.id, m.session_id, m.seq, m.role, m.text, m.agent_id, m.metadata, m.created_at, s.channel, (
    SELECT v.embedding FROM memories v
    WHERE v.formation_id = :formation_id AND v.id = 'mem_' || substr(m.id, 5)
      AND v.embedding_model = coalesce(:model, v.embedding_model))
FROM sessions s CROSS JOIN messages m
WHERE s.formation_id || '' = :formation_id
  AND s.user_id IN (SELECT id FROM users WHERE formation_id = :formation_id AND canonical_id = :user_id)
  AND m.formation_id = :formation_id AND m.session_id = s.id AND m.seq >= s.next_seq - :size
  AND m.user_id IN (SELECT id FROM users WHERE formation_id = :formation_id AND canonical_id = :user_id)
  AND NOT EXISTS (
    SELECT 1 FROM buffer_clears c
    WHERE c.formation_id = :formation_id AND c.session_id = m.session_id
      AND c.agent_id IN ('', m.agent_id) AND c.through_seq >= m.seq);

-- name: windows_without_user
SELECT m.id, m.session_id, m.seq, m.role, m.text, m.agent_id, m.metadata, m.created_at, s.channel, (
    SELECT v.embedding FROM memories v
    WHERE v.formation_id = :formation_id AND v.id = 'mem_' || substr(m.id, 5)
      AND v.embedding_model = coalesce(:model, v.embedding_model))
FROM sessions s
JOIN messages m ON m.formation_id = s.formation_id AND m.session_id = s.id AND m.seq >= s.next_seq - :size
WHERE s.formation_id = :formation_id AND s.user_id IS NULL
  AND NOT EXISTS (
    SELECT 1 FROM buffer_clears c
    WHERE c.formation_id = :formation_id AND c.session_id = m.session_id
      AND c.agent_id IN ('', m.agent_id) AND c.through_seq >= m.seq);

-- name: clear_buffer_of!
-- Marks what is cleared; the log itself stays.
INSERT INTO buffer_clears (formation_id, session_id, agent_id, through_seq)
SELECT s.formation_id, s.id, :agent_id, s.next_seq - 1
FROM sessions s
WHERE s.formation_id || '' = :formation_id
  AND s.user_id IN (SELECT id FROM users WHERE formation_id = :formation_id AND canonical_id = :user_id)
ON CONFLICT (formation_id, session_id, agent_id) DO UPDATE SET through_seq = excluded.through_seq;

-- name: clear_buffer_without_user!
INSERT INTO buffer_clears (formation_id, session_id, agent_id, through_seq)
SELECT s.formation_id, s.id, :agent_id, s.next_seq - 1
FROM sessions s
WHERE s.formation_id = :formation_id AND s.user_id IS NULL
ON CONFLICT (formation_id, session_id, agent_id) DO UPDATE SET through_seq = excluded.through_seq;

-- name: answered^
-- The exchange that a request of this key stored: its message and the answer after it.
SELECT a.session_id, a.id, a.text, a.agent_id, q.text
FROM (
    SELECT o.session_id, o.seq, o.text FROM messages o
    WHERE o.formation_id = :formation_id AND o.request_key = :request_key
      AND o.user_id IN (SELECT id FROM users WHERE formation_id = :formation_id AND canonical_id = :user_id)
    LIMIT 1) q
LEFT JOIN messages a ON a.formation_id = :formation_id AND a.session_id = q.session_id AND a.seq = q.seq + 1;
