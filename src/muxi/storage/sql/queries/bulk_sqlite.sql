-- Bulk on SQLite: lists come as JSON.

-- name: known
-- CROSS JOIN: the list first, whatever SQLite thinks of its length.
SELECT i.value, i.type, c.id, c.disabled_at IS NOT NULL
FROM json_each(:values) w
CROSS JOIN identifiers i ON i.formation_id = :formation_id AND i.value = w.value
CROSS JOIN users u ON u.formation_id = i.formation_id AND u.id = i.user_id
CROSS JOIN users c ON c.formation_id = u.formation_id AND c.id = u.canonical_id;

-- name: canonical
SELECT u.id, c.id, c.disabled_at IS NOT NULL
FROM json_each(:values) w
CROSS JOIN users u ON u.formation_id = :formation_id AND u.id = w.value
CROSS JOIN users c ON c.formation_id = u.formation_id AND c.id = u.canonical_id;

-- name: counts
SELECT u.canonical_id, i.type, count(*)
FROM json_each(:values) w
CROSS JOIN users u ON u.formation_id = :formation_id AND u.canonical_id = w.value
CROSS JOIN identifiers i ON i.formation_id = u.formation_id AND i.user_id = u.id
GROUP BY u.canonical_id, i.type;

-- name: lock_all
-- The write transaction is the lock.
SELECT u.id
FROM json_each(:values) w
CROSS JOIN users u ON u.formation_id = :formation_id AND u.id = w.value AND u.canonical_id = u.id;

-- name: end_requests_of_users!
DELETE FROM verifications
WHERE formation_id = :formation_id AND (
    SELECT u.canonical_id FROM users u
    WHERE u.formation_id = :formation_id AND u.id = verifications.user_id) IN (SELECT value FROM json_each(:values));

-- name: end_requests_for_values!
DELETE FROM verifications
WHERE formation_id = :formation_id AND value IN (SELECT value FROM json_each(:values));
