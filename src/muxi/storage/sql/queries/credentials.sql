-- Credentials, sealed, and the wrapped data keys that open them.

-- name: credentials_of
-- Of a canonical user and those merged into it. An empty service: of all.
SELECT id, user_id, service, name, preview, metadata, created_at, updated_at, last_used_at, expires_at
FROM credentials
WHERE formation_id = :formation_id
  AND user_id IN (SELECT id FROM users WHERE formation_id = :formation_id AND canonical_id = :user_id)
  AND (service = :service OR :service = '')
ORDER BY service, name, id;

-- name: credentials_named
SELECT id, user_id, service, name, preview, metadata, created_at, updated_at, last_used_at, expires_at
FROM credentials
WHERE formation_id = :formation_id
  AND user_id IN (SELECT id FROM users WHERE formation_id = :formation_id AND canonical_id = :user_id)
  AND service = :service AND name = :name;

-- name: sealed_named
-- With what opens them.
SELECT c.id, c.user_id, c.service, c.name, c.preview, c.metadata, c.created_at, c.updated_at, c.last_used_at, c.expires_at,
    c.secret, k.master_key_id, k.wrapped
FROM credentials c
JOIN data_keys k ON k.formation_id = c.formation_id AND k.user_id = c.user_id
WHERE c.formation_id = :formation_id
  AND c.user_id IN (SELECT id FROM users WHERE formation_id = :formation_id AND canonical_id = :user_id)
  AND c.service = :service AND c.name = :name;

-- name: count_credentials$
SELECT count(*) FROM credentials
WHERE formation_id = :formation_id
  AND user_id IN (SELECT id FROM users WHERE formation_id = :formation_id AND canonical_id = :user_id);

-- name: put_credential!
-- One that is there keeps its id, and since when it is there.
INSERT INTO credentials (formation_id, user_id, service, name, id, secret, preview, metadata, created_at, updated_at,
    last_used_at, expires_at)
VALUES (:formation_id, :user_id, :service, :name, :id, :secret, :preview, :metadata, :created_at, :updated_at,
    :last_used_at, :expires_at)
ON CONFLICT (formation_id, user_id, service, name) DO UPDATE SET
    secret = excluded.secret, preview = excluded.preview, metadata = excluded.metadata,
    updated_at = excluded.updated_at, expires_at = excluded.expires_at;

-- name: kept_credential^
SELECT id, user_id, service, name, preview, metadata, created_at, updated_at, last_used_at, expires_at
FROM credentials
WHERE formation_id = :formation_id AND user_id = :user_id AND service = :service AND name = :name;

-- name: credential_used$
-- No row: it was deleted or erased meanwhile.
UPDATE credentials SET last_used_at = :at
WHERE formation_id = :formation_id AND id = :id AND user_id = :user_id
RETURNING id;

-- name: delete_credential$
DELETE FROM credentials WHERE formation_id = :formation_id AND id = :id AND user_id = :user_id RETURNING id;

-- name: delete_data_key!
-- With the last that it opened.
DELETE FROM data_keys
WHERE formation_id = :formation_id AND user_id = :user_id
  AND NOT EXISTS (SELECT 1 FROM credentials c WHERE c.formation_id = :formation_id AND c.user_id = :user_id);

-- name: data_key^
SELECT user_id, master_key_id, wrapped FROM data_keys WHERE formation_id = :formation_id AND user_id = :user_id;

-- name: add_data_key!
-- 0 rows: somebody was faster, read again.
INSERT INTO data_keys (formation_id, user_id, master_key_id, wrapped, wrapped_at)
VALUES (:formation_id, :user_id, :master_key_id, :wrapped, :at)
ON CONFLICT DO NOTHING;

-- name: wrapped_otherwise
-- Of everybody. Behind a user; at most so many of a formation at a time.
SELECT user_id, master_key_id, wrapped FROM data_keys
WHERE formation_id = :formation_id AND user_id > :after AND master_key_id <> :master_key_id
ORDER BY user_id
LIMIT :limit;

-- name: rewrap!
-- 0 rows: somebody was faster, or it is gone.
UPDATE data_keys SET master_key_id = :master_key_id, wrapped = :wrapped, wrapped_at = :at
WHERE formation_id = :formation_id AND user_id = :user_id AND wrapped = :before;
