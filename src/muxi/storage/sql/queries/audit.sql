-- Audit: every identity change, in its own transaction, each row chained to the one before.

-- name: reserve_audit^
-- Holds the head until the transaction ends: rows have one order.
UPDATE formations SET audit_seq = audit_seq + :count
WHERE id = :formation_id
RETURNING audit_seq - :count, audit_hash;

-- name: set_audit_hash!
UPDATE formations SET audit_hash = :hash WHERE id = :formation_id;

-- name: audit_head^
SELECT audit_seq, audit_hash FROM formations WHERE id = :formation_id;

-- name: add_audit!
INSERT INTO audit (formation_id, seq, at, actor, action, user_id, details, hash)
VALUES (:formation_id, :seq, :at, :actor, :action, :user_id, :details, :hash);

-- name: audit_after
-- In order, for checking the chain.
SELECT seq, at, actor, action, user_id, details, hash FROM audit
WHERE formation_id = :formation_id AND seq > :after
ORDER BY seq
LIMIT :limit;

-- name: audit_before
-- Newest first; the cursor is the last row's seq. Of a merged user: of every user that it is made of.
SELECT seq, at, actor, action, user_id, details, hash FROM audit
WHERE formation_id = :formation_id AND seq < :before
  AND (:action = '' OR action = :action)
  AND (:user_id = '' OR user_id = :user_id OR user_id IN (
    SELECT id FROM users WHERE formation_id = :formation_id AND canonical_id = :user_id))
ORDER BY seq DESC
LIMIT :limit;
