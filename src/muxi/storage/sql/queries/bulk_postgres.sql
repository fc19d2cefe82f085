-- Bulk on Postgres: lists come as arrays.

-- name: known
-- MATERIALIZED keeps the parts apart: all values are found in one walk of the primary key, however small the tables were
-- when this was planned. Joined, all of the formation could be read for a chunk.
WITH found AS MATERIALIZED (
    SELECT i.value, i.type, (
        SELECT u.canonical_id FROM users u WHERE u.formation_id = :formation_id AND u.id = i.user_id) AS owner
    FROM identifiers i
    WHERE i.formation_id = :formation_id AND i.value = ANY (CAST(:values AS text[])))
SELECT value, type, owner, (
    SELECT c.disabled_at IS NOT NULL FROM users c WHERE c.formation_id = :formation_id AND c.id = owner)
FROM found;

-- name: canonical
SELECT w, f.owner, (
    SELECT c.disabled_at IS NOT NULL FROM users c WHERE c.formation_id = :formation_id AND c.id = f.owner)
FROM unnest(CAST(:values AS text[])) w
CROSS JOIN LATERAL (
    SELECT u.canonical_id AS owner FROM users u WHERE u.formation_id = :formation_id AND u.id = w OFFSET 0) f;

-- name: counts
SELECT w, f.type, count(*)
FROM unnest(CAST(:values AS text[])) w
CROSS JOIN LATERAL (
    SELECT u.id FROM users u WHERE u.formation_id = :formation_id AND u.canonical_id = w OFFSET 0) m
CROSS JOIN LATERAL (
    SELECT i.type FROM identifiers i WHERE i.formation_id = :formation_id AND i.user_id = m.id OFFSET 0) f
GROUP BY w, f.type;

-- name: lock_all
-- The list is sorted: users are locked in one order for all.
SELECT f.id
FROM unnest(CAST(:values AS text[])) w
CROSS JOIN LATERAL (
    SELECT u.id FROM users u
    WHERE u.formation_id = :formation_id AND u.id = w AND u.canonical_id = w
    OFFSET 0
    FOR NO KEY UPDATE) f;

-- name: end_requests_of_users!
DELETE FROM verifications
WHERE formation_id = :formation_id AND (
    SELECT u.canonical_id FROM users u
    WHERE u.formation_id = :formation_id AND u.id = verifications.user_id) = ANY(CAST(:values AS text[]));

-- name: end_requests_for_values!
DELETE FROM verifications
WHERE formation_id = :formation_id AND value = ANY(CAST(:values AS text[]));
