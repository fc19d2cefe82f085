-- What users said and what is remembered of them, deleted while the users stay. Each runs while the user's rows are held.
--
-- Where a table has an index that begins with the user, the formation is compared as formation_id || '': SQLite would
-- take the front of the primary key instead, and read the whole formation.

-- name: delete_messages!
DELETE FROM messages
WHERE formation_id || '' = :formation_id
  AND user_id IN (SELECT id FROM users WHERE formation_id = :formation_id AND canonical_id = :user_id);

-- name: delete_old_messages!
DELETE FROM messages
WHERE formation_id || '' = :formation_id
  AND user_id IN (SELECT id FROM users WHERE formation_id = :formation_id AND canonical_id = :user_id)
  AND created_at < :before;

-- name: delete_memory_edits!
DELETE FROM memory_edits
WHERE formation_id || '' = :formation_id
  AND user_id IN (SELECT id FROM users WHERE formation_id = :formation_id AND canonical_id = :user_id);

-- name: delete_old_memory_edits!
-- By when the text was written: at the edit before it, or with the memory.
DELETE FROM memory_edits
WHERE formation_id || '' = :formation_id
  AND user_id IN (SELECT id FROM users WHERE formation_id = :formation_id AND canonical_id = :user_id)
  AND (
    replaced_at < :before
    OR COALESCE(
        (SELECT max(e.replaced_at) FROM memory_edits e WHERE e.formation_id = :formation_id
            AND e.memory_id = memory_edits.memory_id AND e.number < memory_edits.number),
        (SELECT CASE WHEN m.said_at < m.created_at THEN m.said_at ELSE m.created_at END FROM memories m
            WHERE m.formation_id = :formation_id AND m.id = memory_edits.memory_id)) < :before);

-- name: delete_memories!
DELETE FROM memories
WHERE formation_id || '' = :formation_id
  AND user_id IN (SELECT id FROM users WHERE formation_id = :formation_id AND canonical_id = :user_id);

-- name: forget_windows_of_old!
-- Of the two memories after each that `delete_old_memories` takes: their windows hold its text.
WITH old AS (
    SELECT m.formation_id, m.user_id, m.session_id, m.seq, m.id FROM memories m
    WHERE m.formation_id || '' = :formation_id
      AND m.user_id IN (SELECT id FROM users WHERE formation_id = :formation_id AND canonical_id = :user_id)
      AND (m.created_at < :before OR m.said_at < :before)
      AND NOT EXISTS (
        SELECT 1 FROM memory_edits e
        WHERE e.formation_id = :formation_id AND e.memory_id = m.id AND e.replaced_at >= :before))
UPDATE memories SET window_embedding = NULL
WHERE formation_id = :formation_id AND id IN (
    SELECT (
        SELECT n.id FROM memories n
        WHERE n.formation_id = d.formation_id AND coalesce(n.user_id, '') = coalesce(d.user_id, '')
          AND n.session_id = d.session_id AND (n.seq, n.id) > (d.seq, d.id)
        ORDER BY n.seq, n.id LIMIT 1)
    FROM old d WHERE d.session_id <> ''
    UNION ALL
    SELECT (
        SELECT n.id FROM memories n
        WHERE n.formation_id = d.formation_id AND coalesce(n.user_id, '') = coalesce(d.user_id, '')
          AND n.session_id = d.session_id AND (n.seq, n.id) > (d.seq, d.id)
        ORDER BY n.seq, n.id LIMIT 1 OFFSET 1)
    FROM old d WHERE d.session_id <> '');

-- name: delete_old_memories!
-- Said before, or stored before; what was changed since is as new as its last change. Runs before the edits go.
DELETE FROM memories
WHERE formation_id || '' = :formation_id
  AND user_id IN (SELECT id FROM users WHERE formation_id = :formation_id AND canonical_id = :user_id)
  AND (created_at < :before OR said_at < :before)
  AND NOT EXISTS (
    SELECT 1 FROM memory_edits e
    WHERE e.formation_id = :formation_id AND e.memory_id = memories.id AND e.replaced_at >= :before);

-- name: count_old_memory_edits$
-- Those that go with a memory of `delete_old_memories`.
SELECT count(*) FROM memory_edits e
WHERE e.formation_id || '' = :formation_id
  AND e.user_id IN (SELECT id FROM users WHERE formation_id = :formation_id AND canonical_id = :user_id)
  AND NOT EXISTS (
    SELECT 1 FROM memory_edits n
    WHERE n.formation_id = :formation_id AND n.memory_id = e.memory_id AND n.replaced_at >= :before)
  AND EXISTS (
    SELECT 1 FROM memories m
    WHERE m.formation_id = :formation_id AND m.id = e.memory_id AND (m.created_at < :before OR m.said_at < :before));

-- name: delete_facts!
DELETE FROM facts
WHERE formation_id || '' = :formation_id
  AND user_id IN (SELECT id FROM users WHERE formation_id = :formation_id AND canonical_id = :user_id);

-- name: delete_old_facts!
-- Not said again since.
DELETE FROM facts
WHERE formation_id || '' = :formation_id
  AND user_id IN (SELECT id FROM users WHERE formation_id = :formation_id AND canonical_id = :user_id)
  AND last_at < :before;

-- name: delete_memory_segments!
-- Whole in any case, as synopses.
DELETE FROM memory_segments
WHERE formation_id || '' = :formation_id
  AND user_id IN (SELECT id FROM users WHERE formation_id = :formation_id AND canonical_id = :user_id);

-- name: delete_synopses!
-- Whole in any case: they are made anew of what is left.
DELETE FROM synopses
WHERE formation_id || '' = :formation_id
  AND user_id IN (SELECT id FROM users WHERE formation_id = :formation_id AND canonical_id = :user_id);

-- name: delete_extraction_failures!
DELETE FROM extraction_failures
WHERE formation_id || '' = :formation_id
  AND user_id IN (SELECT id FROM users WHERE formation_id = :formation_id AND canonical_id = :user_id);

-- name: delete_old_extraction_failures!
DELETE FROM extraction_failures
WHERE formation_id || '' = :formation_id
  AND user_id IN (SELECT id FROM users WHERE formation_id = :formation_id AND canonical_id = :user_id)
  AND failed_at < :before;

-- name: end_extractions!
-- Nothing waits any more, and whoever is reading a batch at this moment has lost it. The choice to opt out stays.
UPDATE extractions
SET watermark = said, waiting_since = NULL, waiting_tokens = 0, leased_by = '', leased_until = NULL, tries = 0,
    error = '', next_try_at = NULL
WHERE formation_id = :formation_id
  AND user_id IN (SELECT id FROM users WHERE formation_id = :formation_id AND canonical_id = :user_id);

-- name: restart_extractions!
-- Whoever is reading a batch at this moment has lost it: what is left of it is read again.
UPDATE extractions SET leased_by = '', leased_until = NULL
WHERE formation_id = :formation_id
  AND user_id IN (SELECT id FROM users WHERE formation_id = :formation_id AND canonical_id = :user_id);

-- name: delete_buffer_clears!
DELETE FROM buffer_clears
WHERE formation_id = :formation_id
  AND session_id IN (
    SELECT id FROM sessions WHERE formation_id || '' = :formation_id
      AND user_id IN (SELECT id FROM users WHERE formation_id = :formation_id AND canonical_id = :user_id));

-- name: delete_old_buffer_clears!
-- Of the sessions that `delete_old_sessions` takes.
DELETE FROM buffer_clears
WHERE formation_id = :formation_id
  AND session_id IN (
    SELECT s.id FROM sessions s WHERE s.formation_id || '' = :formation_id
      AND s.user_id IN (SELECT id FROM users WHERE formation_id = :formation_id AND canonical_id = :user_id)
      AND s.last_at < :before
      AND NOT EXISTS (SELECT 1 FROM messages m WHERE m.formation_id = :formation_id AND m.session_id = s.id));

-- name: delete_repeats!
-- Answers hold what was said.
DELETE FROM repeats
WHERE formation_id || '' = :formation_id
  AND user_id IN (SELECT id FROM users WHERE formation_id = :formation_id AND canonical_id = :user_id);

-- name: delete_sessions!
DELETE FROM sessions
WHERE formation_id || '' = :formation_id
  AND user_id IN (SELECT id FROM users WHERE formation_id = :formation_id AND canonical_id = :user_id);

-- name: delete_old_sessions!
-- Those without a message that is left.
DELETE FROM sessions
WHERE formation_id || '' = :formation_id
  AND user_id IN (SELECT id FROM users WHERE formation_id = :formation_id AND canonical_id = :user_id)
  AND last_at < :before
  AND NOT EXISTS (
    SELECT 1 FROM messages m WHERE m.formation_id = :formation_id AND m.session_id = sessions.id);

-- name: move_floors!
-- What was read of memories and facts before must be read anew.
UPDATE users
SET memory_version = memory_version + 1, memory_floor = memory_version + 1, fact_version = fact_version + 1
WHERE formation_id = :formation_id AND canonical_id = :user_id;
