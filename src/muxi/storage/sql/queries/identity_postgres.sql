-- Identity on Postgres: a first contact in one statement instead of a transaction of nine, and look-ups whose plan
-- does not depend on when it was made.

-- name: find_value
-- OFFSET 0 keeps the parts apart: each user is found by the whole key. Joined, and planned while the tables are new,
-- all users of the formation could be read for one.
SELECT f.canonical_id, f.created_at, i.type, i.verified_at IS NOT NULL, f.disabled_at
FROM identifiers i
CROSS JOIN LATERAL (
    SELECT u.canonical_id FROM users u WHERE u.formation_id = :formation_id AND u.id = i.user_id OFFSET 0) u
CROSS JOIN LATERAL (
    SELECT c.id AS canonical_id, c.created_at, c.disabled_at
    FROM users c WHERE c.formation_id = :formation_id AND c.id = u.canonical_id OFFSET 0) f
WHERE i.formation_id = :formation_id AND i.value = :value;

-- name: find_untyped
SELECT f.canonical_id, f.created_at, i.type, i.verified_at IS NOT NULL, f.disabled_at
FROM identifiers i
CROSS JOIN LATERAL (
    SELECT u.canonical_id FROM users u WHERE u.formation_id = :formation_id AND u.id = i.user_id OFFSET 0) u
CROSS JOIN LATERAL (
    SELECT c.id AS canonical_id, c.created_at, c.disabled_at
    FROM users c WHERE c.formation_id = :formation_id AND c.id = u.canonical_id OFFSET 0) f
WHERE i.formation_id = :formation_id AND i.value IN (:value, :hashed);

-- name: find_user^
SELECT c.id, c.created_at, c.disabled_at
FROM users u
CROSS JOIN LATERAL (
    SELECT id, created_at, disabled_at
    FROM users WHERE formation_id = :formation_id AND id = u.canonical_id OFFSET 0) c
WHERE u.formation_id = :formation_id AND u.id = :user_id;

-- name: identifiers_of
SELECT f.type, f.value, f.shown, f.linked_at, f.linked_by, f.verified_at
FROM users u
CROSS JOIN LATERAL (
    SELECT i.* FROM identifiers i WHERE i.formation_id = :formation_id AND i.user_id = u.id OFFSET 0) f
WHERE u.formation_id = :formation_id AND u.canonical_id = :user_id
ORDER BY f.linked_at, f.shown, f.type;

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
