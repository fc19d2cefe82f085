-- Extraction on Postgres: who is claimed by somebody at this moment is passed over.

-- name: claim^
-- Of everybody. Of those who are due, who waits longest. A time that lies ahead is of a clock that went back since.
UPDATE extractions SET
    leased_by = :token, leased_until = :lease_until,
    spent = CASE WHEN spent_on = :today THEN spent + :cost ELSE :cost END, spent_on = :today
WHERE formation_id = :formation_id AND user_id = (
    SELECT x.user_id FROM extractions x
    JOIN users u ON u.formation_id = x.formation_id AND u.id = x.user_id
    JOIN users c ON c.formation_id = u.formation_id AND c.id = u.canonical_id
    WHERE x.formation_id || '' = :formation_id AND x.waiting_since IS NOT NULL
      AND (x.waiting_since <= :before OR x.waiting_since > :now OR x.waiting_tokens >= :enough)
      AND (x.leased_until IS NULL OR x.leased_until <= :now OR x.leased_until > :lease_until)
      AND (x.next_try_at IS NULL OR x.next_try_at <= :now OR x.next_try_at > :latest_try)
      AND (x.spent_on <> :today OR x.spent + :cost <= :most)
      AND c.disabled_at IS NULL
    ORDER BY x.waiting_since
    LIMIT 1
    FOR UPDATE OF x SKIP LOCKED)
RETURNING user_id, leased_by, watermark, said, tries, waiting_since AS "waiting_since [timestamptz]";

-- name: lock_user^
-- No row: it was merged into another, or erased.
SELECT id FROM users
WHERE formation_id = :formation_id AND id = :user_id AND canonical_id = :user_id
FOR NO KEY UPDATE;

-- name: lock_claim^
-- A statement of its own: what follows then sees what others have committed while this one waited for them.
SELECT heard_until FROM extractions
WHERE formation_id = :formation_id AND user_id = :user_id AND leased_by = :token AND opted_out_at IS NULL
FOR UPDATE;

-- name: keys_repeated
-- As the common one. OFFSET 0: behind a wall no index is used for what is made of another table's column in a join.
SELECT DISTINCT n.text_key
FROM messages m
CROSS JOIN LATERAL (
    SELECT r.id, r.text_key FROM memories r
    WHERE r.formation_id = :formation_id AND r.id = 'mem_' || substr(m.id, 5) AND r.superseded_at IS NULL
    OFFSET 0) n
WHERE m.formation_id = :formation_id AND m.place >= :first AND m.place <= :last
  AND m.user_id IN (SELECT id FROM users WHERE formation_id = :formation_id AND canonical_id = :user_id)
  AND EXISTS (
    SELECT 1 FROM memories o
    WHERE o.formation_id = :formation_id AND o.text_key = n.text_key AND o.superseded_at IS NULL
      AND o.kind = 'said' AND o.id <> n.id
      AND o.user_id IN (SELECT id FROM users WHERE formation_id = :formation_id AND canonical_id = :user_id));

-- The ids as an array: of few statements, which is all that the planner knows of a new index, it would join all.

-- name: found_memories
SELECT id, user_id, text, times, agent_id, metadata, kind FROM memories
WHERE formation_id = :formation_id AND kind = 'found' AND superseded_at IS NULL
  AND user_id = ANY (ARRAY(SELECT id FROM users WHERE formation_id = :formation_id AND canonical_id = :user_id))
ORDER BY id;

-- name: newest_statements
SELECT id, text, said_at FROM memories
WHERE formation_id = :formation_id AND kind = 'found' AND superseded_at IS NULL
  AND user_id = ANY (ARRAY(SELECT id FROM users WHERE formation_id = :formation_id AND canonical_id = :user_id))
ORDER BY id DESC
LIMIT :limit;
