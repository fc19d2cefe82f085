-- Tokens of users: with what they are signed, and which of them are worth nothing any more.

-- name: signing_keys
SELECT kid, algorithm, created_at, retired_at FROM signing_keys WHERE formation_id = :formation_id ORDER BY created_at, kid;

-- name: add_signing_key!
INSERT INTO signing_keys (formation_id, kid, algorithm, created_at)
VALUES (:formation_id, :kid, :algorithm, :created_at);

-- name: retire_signing_keys!
UPDATE signing_keys SET retired_at = :at WHERE formation_id = :formation_id AND retired_at IS NULL;

-- name: forget_signing_keys!
-- What they signed has ended.
DELETE FROM signing_keys WHERE formation_id = :formation_id AND retired_at < :before;

-- name: revoke_token!
INSERT INTO revoked_tokens (formation_id, jti, expires_at)
VALUES (:formation_id, :jti, :expires_at)
ON CONFLICT DO NOTHING;

-- name: forget_revoked_tokens!
DELETE FROM revoked_tokens WHERE formation_id = :formation_id AND expires_at < :now;

-- name: revoked_tokens
SELECT jti FROM revoked_tokens WHERE formation_id = :formation_id AND expires_at >= :now;

-- name: raise_token_floor!
-- Of the user, and of everybody who was merged into them: a token names who they were when it was made.
INSERT INTO token_floors (formation_id, user_id, at)
SELECT u.formation_id, u.id, :at FROM users u
WHERE u.formation_id = :formation_id AND u.canonical_id = :user_id
ON CONFLICT (formation_id, user_id) DO UPDATE SET at = excluded.at;

-- name: token_floors
SELECT user_id, at FROM token_floors WHERE formation_id = :formation_id AND at >= :since;

-- name: forget_token_floors!
DELETE FROM token_floors WHERE formation_id = :formation_id AND at < :since;
