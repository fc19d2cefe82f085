-- Sweeps: what has expired or become too old, removed in small batches.

-- name: begin_sweep$
-- No row: somebody else is at it, or the last sweep is not long enough ago.
INSERT INTO sweeps (formation_id, held_by, held_until)
VALUES (:formation_id, :holder, :until)
ON CONFLICT (formation_id) DO UPDATE SET held_by = excluded.held_by, held_until = excluded.held_until
WHERE sweeps.held_until <= :now AND (sweeps.swept_at IS NULL OR sweeps.swept_at <= :swept_before)
RETURNING held_by;

-- name: hold_sweep!
UPDATE sweeps SET held_until = :until
WHERE formation_id = :formation_id AND held_by = :holder;

-- name: end_sweep!
UPDATE sweeps SET held_by = '', held_until = :now, swept_at = :now
WHERE formation_id = :formation_id AND held_by = :holder;

-- name: sweep_repeats!
DELETE FROM repeats WHERE formation_id = :formation_id AND ends_at <= :now;

-- name: owners_of_due_memories
-- Of everybody. Of the first that are due, by either reason. NULL: kept without a user.
SELECT DISTINCT d.user_id FROM (
    SELECT x.user_id FROM (
        SELECT user_id FROM memories
        WHERE formation_id = :formation_id AND expires_at <= :now
        ORDER BY expires_at LIMIT :limit) x
    UNION ALL
    SELECT o.user_id FROM (
        SELECT m.user_id FROM memories m
        WHERE m.formation_id = :formation_id AND m.created_at < :oldest
          AND NOT EXISTS (
            SELECT 1 FROM memory_edits e
            WHERE e.formation_id = :formation_id AND e.memory_id = m.id AND e.replaced_at >= :oldest)
        ORDER BY m.created_at LIMIT :limit) o) d;

-- name: forget_windows_of_due!
-- Of the two memories after each that `sweep_memories` takes: their windows hold its text.
WITH due AS (
    SELECT m.formation_id, m.user_id, m.session_id, m.seq, m.id FROM memories m
    WHERE m.formation_id || '' = :formation_id AND m.user_id = :user_id
      AND (m.expires_at <= :now OR (m.created_at < :oldest AND NOT EXISTS (
        SELECT 1 FROM memory_edits e
        WHERE e.formation_id = :formation_id AND e.memory_id = m.id AND e.replaced_at >= :oldest)))
    ORDER BY m.id LIMIT :limit)
UPDATE memories SET window_embedding = NULL
WHERE formation_id = :formation_id AND id IN (
    SELECT (
        SELECT n.id FROM memories n
        WHERE n.formation_id = d.formation_id AND coalesce(n.user_id, '') = coalesce(d.user_id, '')
          AND n.session_id = d.session_id AND (n.seq, n.id) > (d.seq, d.id)
        ORDER BY n.seq, n.id LIMIT 1)
    FROM due d WHERE d.session_id <> ''
    UNION ALL
    SELECT (
        SELECT n.id FROM memories n
        WHERE n.formation_id = d.formation_id AND coalesce(n.user_id, '') = coalesce(d.user_id, '')
          AND n.session_id = d.session_id AND (n.seq, n.id) > (d.seq, d.id)
        ORDER BY n.seq, n.id LIMIT 1 OFFSET 1)
    FROM due d WHERE d.session_id <> '');

-- name: forget_windows_of_due_without_user!
WITH due AS (
    SELECT m.formation_id, m.user_id, m.session_id, m.seq, m.id FROM memories m
    WHERE m.formation_id = :formation_id AND m.user_id IS NULL AND (m.expires_at <= :now OR m.created_at < :oldest)
    ORDER BY m.id LIMIT :limit)
UPDATE memories SET window_embedding = NULL
WHERE formation_id = :formation_id AND id IN (
    SELECT (
        SELECT n.id FROM memories n
        WHERE n.formation_id = d.formation_id AND coalesce(n.user_id, '') = coalesce(d.user_id, '')
          AND n.session_id = d.session_id AND (n.seq, n.id) > (d.seq, d.id)
        ORDER BY n.seq, n.id LIMIT 1)
    FROM due d WHERE d.session_id <> ''
    UNION ALL
    SELECT (
        SELECT n.id FROM memories n
        WHERE n.formation_id = d.formation_id AND coalesce(n.user_id, '') = coalesce(d.user_id, '')
          AND n.session_id = d.session_id AND (n.seq, n.id) > (d.seq, d.id)
        ORDER BY n.seq, n.id LIMIT 1 OFFSET 1)
    FROM due d WHERE d.session_id <> '');

-- name: sweep_memories!
DELETE FROM memories
WHERE formation_id = :formation_id AND id IN (
    SELECT m.id FROM memories m
    WHERE m.formation_id || '' = :formation_id AND m.user_id = :user_id
      AND (m.expires_at <= :now OR (m.created_at < :oldest AND NOT EXISTS (
        SELECT 1 FROM memory_edits e
        WHERE e.formation_id = :formation_id AND e.memory_id = m.id AND e.replaced_at >= :oldest)))
    ORDER BY m.id LIMIT :limit);

-- name: sweep_memories_without_user!
DELETE FROM memories
WHERE formation_id = :formation_id AND id IN (
    SELECT id FROM memories
    WHERE formation_id = :formation_id AND user_id IS NULL AND (expires_at <= :now OR created_at < :oldest)
    ORDER BY id LIMIT :limit);

-- name: sweep_messages
-- Of everybody. Which sessions they were of.
DELETE FROM messages
WHERE formation_id = :formation_id AND (session_id, seq) IN (
    SELECT session_id, seq FROM messages
    WHERE formation_id = :formation_id AND created_at < :oldest
    ORDER BY created_at LIMIT :limit)
RETURNING session_id;

-- name: sweep_buffer_clears!
-- Of everybody.
DELETE FROM buffer_clears
WHERE formation_id = :formation_id AND session_id = :session_id
  AND EXISTS (
    SELECT 1 FROM sessions s
    WHERE s.formation_id = :formation_id AND s.id = :session_id AND s.last_at < :oldest)
  AND NOT EXISTS (
    SELECT 1 FROM messages m WHERE m.formation_id = :formation_id AND m.session_id = :session_id);

-- name: sweep_session!
-- Of everybody. If nothing of it is left.
DELETE FROM sessions
WHERE formation_id = :formation_id AND id = :session_id AND last_at < :oldest
  AND NOT EXISTS (
    SELECT 1 FROM messages m WHERE m.formation_id = :formation_id AND m.session_id = :session_id);

-- name: owners_of_old_facts
-- Of everybody.
SELECT DISTINCT o.user_id FROM (
    SELECT user_id FROM facts
    WHERE formation_id = :formation_id AND last_at < :oldest
    ORDER BY last_at LIMIT :limit) o;

-- name: count_fact_write$
-- Locks the user's row, as every writer of facts does.
UPDATE users SET fact_version = fact_version + 1
WHERE formation_id = :formation_id AND id = :user_id
RETURNING fact_version;

-- name: sweep_facts!
DELETE FROM facts
WHERE formation_id = :formation_id AND id IN (
    SELECT id FROM facts
    WHERE formation_id || '' = :formation_id AND user_id = :user_id AND last_at < :oldest
    LIMIT :limit);
