-- Extraction: how far each user's messages have been read, what was found, and what could not be read.

-- name: wait_for_extraction$
-- A message gets its place among all that its user said, and waits. No row: the user has opted out. It comes after the
-- user's own row, as in whoever reads the messages: two of them cannot wait for each other.
INSERT INTO extractions (formation_id, user_id, said, waiting_since, waiting_tokens)
VALUES (:formation_id, :user_id, 1, :now, :tokens)
ON CONFLICT (formation_id, user_id) DO UPDATE SET
    said = extractions.said + 1,
    waiting_since = coalesce(extractions.waiting_since, excluded.waiting_since),
    waiting_tokens = extractions.waiting_tokens + excluded.waiting_tokens
WHERE extractions.opted_out_at IS NULL
RETURNING said;

-- name: anybody_waits$
-- Of everybody.
SELECT 1 FROM extractions
WHERE formation_id || '' = :formation_id AND waiting_since IS NOT NULL
LIMIT 1;

-- name: whose^
-- The canonical user, and whether nothing may be looked for: under any of the names of a merged user.
SELECT u.canonical_id, EXISTS (
    SELECT 1 FROM users g JOIN extractions x ON x.formation_id = g.formation_id AND x.user_id = g.id
    WHERE g.formation_id = :formation_id AND g.canonical_id = u.canonical_id AND x.opted_out_at IS NOT NULL)
FROM users u
WHERE u.formation_id = :formation_id AND u.id = :user_id;

-- name: messages_waiting
-- What the agent had said just before is read along. After a split the session can be of whom the user was merged with:
-- behind the walls of Postgres nothing is seen of it.
SELECT m.place, m.id, m.session_id, m.seq, m.agent_id, coalesce(s.channel, ''), m.text, m.created_at, a.text
FROM messages m
LEFT JOIN sessions s ON s.formation_id = m.formation_id AND s.id = m.session_id
LEFT JOIN messages a ON a.formation_id = m.formation_id AND a.session_id = m.session_id AND a.seq = m.seq - 1
    AND a.role = 'assistant'
WHERE m.formation_id || '' = :formation_id AND m.user_id = :user_id AND m.place > :after AND m.place <= :last
ORDER BY m.place
LIMIT :limit;

-- name: said_before
-- Newest first. A session can hold messages of somebody who was split from the user since.
SELECT text FROM messages
WHERE formation_id = :formation_id AND session_id = :session_id AND seq < :seq AND role = 'user'
  AND user_id IN (SELECT id FROM users WHERE formation_id = :formation_id AND canonical_id = :user_id)
ORDER BY seq DESC
LIMIT :limit;

-- name: finish!
-- What was said meanwhile waits on, since it was said.
UPDATE extractions SET
    watermark = :last,
    waiting_since = (
        SELECT m.created_at FROM messages m
        WHERE m.formation_id || '' = :formation_id AND m.user_id = :user_id AND m.place > :last
        ORDER BY m.place LIMIT 1),
    waiting_tokens = CASE WHEN said > :last AND waiting_tokens > :tokens THEN waiting_tokens - :tokens ELSE 0 END,
    heard_until = :heard_until,
    leased_by = '', leased_until = NULL, tries = 0, error = '', next_try_at = NULL
WHERE formation_id = :formation_id AND user_id = :user_id AND leased_by = :token;

-- name: pass_over!
-- What was said since the claim waits on.
UPDATE extractions SET
    watermark = :last,
    waiting_since = CASE WHEN said > :last THEN waiting_since END,
    waiting_tokens = CASE WHEN said > :last THEN waiting_tokens ELSE 0 END,
    leased_by = '', leased_until = NULL, tries = 0, error = '', next_try_at = NULL
WHERE formation_id = :formation_id AND user_id = :user_id AND leased_by = :token;

-- name: put_off!
UPDATE extractions SET leased_by = '', leased_until = NULL, tries = :tries, error = :error, next_try_at = :next_try
WHERE formation_id = :formation_id AND user_id = :user_id AND leased_by = :token;

-- name: resting_on^
SELECT count(*), count(CASE WHEN superseded_at IS NULL THEN 1 END) FROM facts
WHERE formation_id = :formation_id
  AND user_id IN (SELECT id FROM users WHERE formation_id = :formation_id AND canonical_id = :user_id)
  AND evidence LIKE :pattern;

-- name: keys_repeated
-- What was said in these messages and is remembered of others, too.
SELECT DISTINCT n.text_key
FROM messages m
JOIN memories n ON n.formation_id = m.formation_id AND n.id = 'mem_' || substr(m.id, 5)
WHERE m.formation_id || '' = :formation_id AND m.place >= :first AND m.place <= :last
  AND m.user_id IN (SELECT id FROM users WHERE formation_id = :formation_id AND canonical_id = :user_id)
  AND n.superseded_at IS NULL
  AND EXISTS (
    SELECT 1 FROM memories o
    WHERE o.formation_id = n.formation_id AND o.text_key = n.text_key AND o.superseded_at IS NULL
      AND o.kind = 'said' AND o.id <> n.id
      AND o.user_id IN (SELECT id FROM users WHERE formation_id = :formation_id AND canonical_id = :user_id));

-- name: memories_alike
SELECT id, user_id, text, times, agent_id, metadata, kind FROM memories
WHERE formation_id = :formation_id AND text_key = :key AND kind = :kind AND superseded_at IS NULL
  AND user_id IN (SELECT id FROM users WHERE formation_id = :formation_id AND canonical_id = :user_id)
ORDER BY id;

-- name: memory_of_message
SELECT id, user_id, text, times, agent_id, metadata, kind FROM memories
WHERE formation_id = :formation_id AND id = :id AND superseded_at IS NULL
  AND user_id IN (SELECT id FROM users WHERE formation_id = :formation_id AND canonical_id = :user_id);

-- name: found_memories
SELECT id, user_id, text, times, agent_id, metadata, kind FROM memories
WHERE formation_id = :formation_id AND kind = 'found' AND superseded_at IS NULL
  AND user_id IN (SELECT id FROM users WHERE formation_id = :formation_id AND canonical_id = :user_id)
ORDER BY id;

-- name: newest_statements
SELECT id, text, said_at FROM memories
WHERE formation_id = :formation_id AND kind = 'found' AND superseded_at IS NULL
  AND user_id IN (SELECT id FROM users WHERE formation_id = :formation_id AND canonical_id = :user_id)
ORDER BY id DESC
LIMIT :limit;

-- name: count_memory!
UPDATE memories SET times = :times, version = :version
WHERE formation_id = :formation_id AND id = :id AND user_id = :user_id;

-- name: supersede_memory!
UPDATE memories SET superseded_at = :now, superseded_by = :by, version = :version
WHERE formation_id = :formation_id AND id = :id AND user_id = :user_id AND superseded_at IS NULL;

-- name: add_failure!
INSERT INTO extraction_failures (formation_id, id, user_id, first_place, last_place, code, message, tries, failed_at)
VALUES (:formation_id, :id, :user_id, :first_place, :last_place, :code, :message, :tries, :failed_at);

-- name: failures
-- Of everybody. Newest first; the cursor is the last row's time and id.
SELECT id, user_id, first_place, last_place, code, message, tries, failed_at FROM extraction_failures
WHERE formation_id = :formation_id AND (failed_at < :before OR (failed_at = :before AND id < :before_id))
ORDER BY failed_at DESC, id DESC
LIMIT :limit;

-- name: failures_of
SELECT id, user_id, first_place, last_place, code, message, tries, failed_at FROM extraction_failures
WHERE formation_id = :formation_id AND (failed_at < :before OR (failed_at = :before AND id < :before_id))
  AND user_id IN (SELECT id FROM users WHERE formation_id = :formation_id AND canonical_id = :user_id)
ORDER BY failed_at DESC, id DESC
LIMIT :limit;

-- name: failure^
-- Of everybody.
SELECT id, user_id, first_place, last_place, code, message, tries, failed_at FROM extraction_failures
WHERE formation_id = :formation_id AND id = :id;

-- name: take_failure!
-- 0 rows: somebody else has replayed it.
DELETE FROM extraction_failures
WHERE formation_id = :formation_id AND id = :id AND user_id = :user_id;

-- name: failed_again!
UPDATE extraction_failures SET tries = tries + 1, code = :code, message = :message, failed_at = :now
WHERE formation_id = :formation_id AND id = :id AND user_id = :user_id;

-- name: extraction_status^
-- Of everybody.
SELECT count(*), min(waiting_since) AS "waiting_since [timestamptz]" FROM extractions
WHERE formation_id = :formation_id AND waiting_since IS NOT NULL;

-- name: extraction_errors
-- Of everybody.
SELECT error, count(*) FROM extractions
WHERE formation_id = :formation_id AND waiting_since IS NOT NULL AND error <> ''
GROUP BY error
ORDER BY error;

-- name: count_failures$
-- Of everybody.
SELECT count(*) FROM extraction_failures WHERE formation_id = :formation_id;

-- name: opted_out$
SELECT x.opted_out_at FROM users g JOIN extractions x ON x.formation_id = g.formation_id AND x.user_id = g.id
WHERE g.formation_id = :formation_id AND g.canonical_id = :user_id AND x.opted_out_at IS NOT NULL
ORDER BY x.opted_out_at
LIMIT 1;

-- name: opt_out!
-- Also for those who were merged into the user; what waits is passed over, and who works on it has lost it.
INSERT INTO extractions (formation_id, user_id, opted_out_at)
SELECT formation_id, id, :now FROM users
WHERE formation_id = :formation_id AND canonical_id = :user_id
ON CONFLICT (formation_id, user_id) DO UPDATE SET
    opted_out_at = coalesce(extractions.opted_out_at, excluded.opted_out_at),
    watermark = extractions.said, waiting_since = NULL, waiting_tokens = 0,
    leased_by = '', leased_until = NULL, tries = 0, error = '', next_try_at = NULL;

-- name: drop_failures!
DELETE FROM extraction_failures
WHERE formation_id = :formation_id
  AND user_id IN (SELECT id FROM users WHERE formation_id = :formation_id AND canonical_id = :user_id);

-- name: drop_synopses!
-- Of who has opted out none is kept.
DELETE FROM synopses
WHERE formation_id = :formation_id
  AND user_id IN (SELECT id FROM users WHERE formation_id = :formation_id AND canonical_id = :user_id);

-- name: opt_in!
UPDATE extractions SET opted_out_at = NULL
WHERE formation_id = :formation_id
  AND user_id IN (SELECT id FROM users WHERE formation_id = :formation_id AND canonical_id = :user_id);
