-- Proof: open requests, used tokens, anonymous users.

-- name: end_requests_of!
-- Something about this user has changed: what it was asked for before proves nothing now.
DELETE FROM verifications
WHERE formation_id = :formation_id
  AND user_id IN (SELECT id FROM users WHERE formation_id = :formation_id AND canonical_id = :user_id);

-- name: end_requests_about!
-- And, where all of the user has changed, whatever somebody else asked for about the user's identifiers.
DELETE FROM verifications
WHERE formation_id = :formation_id AND (value, type) IN (
    SELECT i.value, i.type FROM identifiers i
    JOIN users u ON u.formation_id = i.formation_id AND u.id = i.user_id
    WHERE i.formation_id = :formation_id AND u.canonical_id = :user_id);

-- name: end_request_for!
-- A request without a type means the value under any.
DELETE FROM verifications
WHERE formation_id = :formation_id AND value = :value AND (type IN (:type, '') OR :type = '');

-- name: end_expired_requests!
DELETE FROM verifications WHERE formation_id = :formation_id AND expires_at <= :now;

-- name: end_expired_requests_of!
-- Only the user's own: who deletes several users' rows at once can wait in a circle with others who do.
DELETE FROM verifications WHERE formation_id = :formation_id AND user_id = :user_id AND expires_at <= :now;

-- name: open_requests$
SELECT count(*) FROM verifications WHERE formation_id = :formation_id AND user_id = :user_id;

-- name: open_request$
-- No row: the locator is taken.
INSERT INTO verifications (
    formation_id, locator, code_hash, user_id, type, value, shown, hashed, requester, created_at, expires_at, tries_left)
VALUES (
    :formation_id, :locator, :code_hash, :user_id, :type, :value, :shown, :hashed, :requester, :created_at, :expires_at,
    :tries)
ON CONFLICT DO NOTHING
RETURNING locator;

-- name: count_try^
-- Counted before it is looked at, so that tries at the same moment are counted each.
UPDATE verifications SET tries_left = tries_left - 1
WHERE formation_id = :formation_id AND locator = :locator AND expires_at > :now AND tries_left > 0
RETURNING locator, code_hash, user_id, type, value, shown, hashed, requester, tries_left;

-- name: give_back_try!
UPDATE verifications SET tries_left = tries_left + 1
WHERE formation_id = :formation_id AND locator = :locator;

-- name: end_request!
DELETE FROM verifications WHERE formation_id = :formation_id AND locator = :locator;

-- name: take_request$
-- No row: used up, or ended by a change.
DELETE FROM verifications
WHERE formation_id = :formation_id AND locator = :locator AND code_hash = :code_hash AND user_id = :user_id
RETURNING locator;

-- name: use_token$
-- No row: it was used before.
INSERT INTO used_tokens (formation_id, jti, expires_at)
VALUES (:formation_id, :jti, :expires_at)
ON CONFLICT DO NOTHING
RETURNING jti;

-- name: forget_used_tokens!
DELETE FROM used_tokens WHERE formation_id = :formation_id AND expires_at <= :now;

-- name: set_end!
UPDATE identifiers SET expires_at = :expires_at
WHERE formation_id = :formation_id AND value = :value AND type = :type;

-- name: find_anonymous^
SELECT c.id, c.created_at, c.disabled_at
FROM identifiers i
JOIN users u ON u.formation_id = i.formation_id AND u.id = i.user_id
JOIN users c ON c.formation_id = u.formation_id AND c.id = u.canonical_id
WHERE i.formation_id = :formation_id AND i.value = :value AND i.type = 'anonymous'
  AND (i.expires_at IS NULL OR i.expires_at > :now);

-- name: ended_tokens
SELECT i.value, i.shown, (SELECT u.canonical_id FROM users u WHERE u.formation_id = :formation_id AND u.id = i.user_id)
FROM identifiers i
WHERE i.formation_id = :formation_id AND i.expires_at <= :now
LIMIT :limit;

-- name: ended_anonymous
-- Users who are known by nothing else, are nobody else's survivor, and were never merged.
SELECT DISTINCT i.user_id
FROM identifiers i
JOIN users u ON u.formation_id = i.formation_id AND u.id = i.user_id
WHERE i.formation_id = :formation_id AND i.expires_at <= :now AND u.canonical_id = u.id
  AND NOT EXISTS (
    SELECT 1 FROM identifiers o
    WHERE o.formation_id = :formation_id AND o.user_id = u.id AND (o.expires_at IS NULL OR o.expires_at > :now))
  AND NOT EXISTS (
    SELECT 1 FROM users m WHERE m.formation_id = :formation_id AND m.canonical_id = u.id AND m.id <> u.id)
LIMIT :limit;
