-- Keys of applications: found by the id that is in them, compared by a keyed hash.

-- name: access_version$
SELECT access_version FROM formations WHERE id = :formation_id;

-- name: move_access_version!
UPDATE formations SET access_version = access_version + 1 WHERE id = :formation_id;

-- name: add_key!
INSERT INTO api_keys (formation_id, id, hash, name, owner, role, scopes, user_id, created_at, created_by, expires_at)
VALUES (:formation_id, :id, :hash, :name, :owner, :role, :scopes, :user_id, :created_at, :created_by, :expires_at);

-- name: find_key^
SELECT id, name, owner, role, scopes, user_id, created_at, created_by, expires_at, last_used_at, revoked_at, rotated_to,
    hash
FROM api_keys
WHERE formation_id = :formation_id AND id = :id;

-- name: keys_before
-- Newest first: ids are sortable by time.
SELECT id, name, owner, role, scopes, user_id, created_at, created_by, expires_at, last_used_at, revoked_at, rotated_to
FROM api_keys
WHERE formation_id = :formation_id AND id < :before
ORDER BY id DESC
LIMIT :limit;

-- name: key_used!
-- At most once a minute, however many processes are told of it.
UPDATE api_keys SET last_used_at = :at
WHERE formation_id = :formation_id AND id = :id AND (last_used_at IS NULL OR last_used_at < :before);

-- name: revoke_key$
UPDATE api_keys SET revoked_at = :at
WHERE formation_id = :formation_id AND id = :id AND revoked_at IS NULL
RETURNING id;

-- name: replace_key$
-- No row: it was revoked or replaced already.
UPDATE api_keys SET rotated_to = :rotated_to, expires_at = :expires_at
WHERE formation_id = :formation_id AND id = :id AND revoked_at IS NULL AND rotated_to IS NULL
RETURNING id;

-- name: keys_of_role$
SELECT count(*) FROM api_keys
WHERE formation_id = :formation_id AND role = :role AND revoked_at IS NULL;

-- name: roles
SELECT name, description, permissions FROM roles WHERE formation_id = :formation_id ORDER BY name;

-- name: put_role!
INSERT INTO roles (formation_id, name, description, permissions)
VALUES (:formation_id, :name, :description, :permissions)
ON CONFLICT (formation_id, name) DO UPDATE SET description = excluded.description, permissions = excluded.permissions;

-- name: remove_role$
DELETE FROM roles WHERE formation_id = :formation_id AND name = :name RETURNING name;
