-- Identity on Postgres: a first contact in one statement instead of a transaction of nine.

-- name: make_user$
-- No row: somebody has the value under some type, or decides about it at this moment, or the head of the audit is not
-- the one named. Every identity change moves the head: what was committed before this statement began it sees, and
-- what was committed since has moved the head.
WITH alone AS MATERIALIZED (
    SELECT bool_and(pg_try_advisory_xact_lock(hashtextextended(v, hashtextextended(:formation_id, 0)))) AS yes
    FROM unnest(CAST(:values AS text[])) v
), head AS (
    UPDATE formations SET audit_seq = audit_seq + 2, audit_hash = :hash
    WHERE id = :formation_id AND audit_seq = :seq AND audit_hash = :previous AND (SELECT yes FROM alone)
      AND NOT EXISTS (
        SELECT 1 FROM identifiers i WHERE i.formation_id = :formation_id AND i.value = ANY(:values))
    RETURNING id
), made AS (
    INSERT INTO users (formation_id, id, canonical_id, created_at)
    SELECT id, :user_id, :user_id, :at FROM head
), recorded AS (
    INSERT INTO audit (formation_id, seq, at, actor, action, user_id, details, hash)
    SELECT id, :seq + 1, :at, :actor, :made, :user_id, CAST('{}' AS jsonb), :made_hash FROM head
    UNION ALL
    SELECT id, :seq + 2, :at, :actor, :linked, :user_id, :details, :hash FROM head
)
INSERT INTO identifiers (formation_id, value, type, user_id, shown, linked_at, linked_by)
SELECT id, :value, :type, :user_id, :shown, :at, :actor FROM head
RETURNING formation_id;
