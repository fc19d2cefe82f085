-- Facts: what was said about the paths of users' contexts. Ownership is checked in every one.

-- name: move_fact_version$
-- Locks the user's row: the writes to one user's facts have one order. No row: the user is not canonical any more.
UPDATE users SET fact_version = fact_version + 1
WHERE formation_id = :formation_id AND id = :user_id AND canonical_id = :user_id
RETURNING fact_version;

-- name: fact_version$
-- Of a user and of those it is made of: a merge changes it, too.
SELECT sum(fact_version) FROM users
WHERE formation_id = :formation_id AND canonical_id = :user_id;

-- name: entries
SELECT path, op, value FROM facts
WHERE formation_id = :formation_id
  AND user_id IN (SELECT id FROM users WHERE formation_id = :formation_id AND canonical_id = :user_id)
  AND superseded_at IS NULL
ORDER BY last_at, id;

-- name: entries_at
-- What was said again later was, at that time, only said first.
SELECT path, op, value FROM facts
WHERE formation_id = :formation_id
  AND user_id IN (SELECT id FROM users WHERE formation_id = :formation_id AND canonical_id = :user_id)
  AND observed_at <= :at AND (superseded_at IS NULL OR superseded_at > :at)
ORDER BY CASE WHEN last_at <= :at THEN last_at ELSE observed_at END, id;

-- name: live_facts
SELECT id, user_id, path, op, value, source, importance, confidence, observed_at, last_at, times, written_at, evidence,
    superseded_at, superseded_by
FROM facts
WHERE formation_id = :formation_id
  AND user_id IN (SELECT id FROM users WHERE formation_id = :formation_id AND canonical_id = :user_id)
  AND superseded_at IS NULL
ORDER BY last_at, id;

-- name: history
-- Newest first; the cursor is the last row's time and id.
SELECT id, user_id, path, op, value, source, importance, confidence, observed_at, last_at, times, written_at, evidence,
    superseded_at, superseded_by
FROM facts
WHERE formation_id = :formation_id
  AND user_id IN (SELECT id FROM users WHERE formation_id = :formation_id AND canonical_id = :user_id)
  AND (observed_at < :before OR (observed_at = :before AND id < :before_id))
ORDER BY observed_at DESC, id DESC
LIMIT :limit;

-- name: history_of_path
-- The path, those below it, and those above it.
SELECT id, user_id, path, op, value, source, importance, confidence, observed_at, last_at, times, written_at, evidence,
    superseded_at, superseded_by
FROM facts
WHERE formation_id = :formation_id
  AND user_id IN (SELECT id FROM users WHERE formation_id = :formation_id AND canonical_id = :user_id)
  AND (path = :path OR (path >= :first AND path < :last) OR substr(:path, 1, length(path) + 1) = path || '.')
  AND (observed_at < :before OR (observed_at = :before AND id < :before_id))
ORDER BY observed_at DESC, id DESC
LIMIT :limit;

-- name: add_facts*!
INSERT INTO facts (formation_id, id, user_id, path, op, value, source, importance, confidence, observed_at, last_at,
    times, written_at, evidence, superseded_at, superseded_by)
VALUES (:formation_id, :id, :user_id, :path, :op, :value, :source, :importance, :confidence, :observed_at, :last_at,
    :times, :written_at, :evidence, :superseded_at, :superseded_by);

-- name: end_facts*!
UPDATE facts SET superseded_at = :superseded_at, superseded_by = :superseded_by
WHERE formation_id = :formation_id AND id = :id AND user_id = :user_id;

-- name: repeat_facts*!
UPDATE facts SET times = :times, last_at = :last_at, importance = :importance, confidence = :confidence,
    evidence = :evidence
WHERE formation_id = :formation_id AND id = :id AND user_id = :user_id;

-- name: forget_synopses!
-- They may say what is to be forgotten, and are made anew of what is left.
DELETE FROM synopses
WHERE formation_id = :formation_id
  AND user_id IN (SELECT id FROM users WHERE formation_id = :formation_id AND canonical_id = :user_id);

-- name: forget_facts!
DELETE FROM facts
WHERE formation_id = :formation_id
  AND user_id IN (SELECT id FROM users WHERE formation_id = :formation_id AND canonical_id = :user_id)
  AND (path = :path OR (path >= :first AND path < :last));
