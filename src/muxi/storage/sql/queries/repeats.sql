-- Requests that may be sent again.

-- name: begin_repeat$
-- No row: it was answered, somebody is at it, or another request began with this key.
INSERT INTO repeats (formation_id, place, fingerprint, holder, held_until, ends_at)
VALUES (:formation_id, :place, :fingerprint, :holder, :held_until, :ends_at)
ON CONFLICT (place, formation_id) DO UPDATE SET
    fingerprint = excluded.fingerprint, holder = excluded.holder, held_until = excluded.held_until,
    ends_at = excluded.ends_at, sealed = NULL, user_id = NULL
WHERE repeats.ends_at <= :now
   OR (repeats.sealed IS NULL AND repeats.held_until <= :now AND repeats.fingerprint = excluded.fingerprint)
RETURNING holder;

-- name: repeat^
SELECT fingerprint, sealed, user_id FROM repeats
WHERE formation_id = :formation_id AND place = :place AND ends_at > :now;

-- name: hold_repeat!
UPDATE repeats SET held_until = :held_until
WHERE formation_id = :formation_id AND place = :place AND holder = :holder AND sealed IS NULL;

-- name: finish_repeat$
-- Not of a user who was erased meanwhile.
UPDATE repeats SET sealed = :sealed, user_id = nullif(:user_id, '')
WHERE formation_id = :formation_id AND place = :place AND holder = :holder AND sealed IS NULL
  AND (:user_id = '' OR EXISTS (
    SELECT 1 FROM users u WHERE u.formation_id = :formation_id AND u.id = :user_id))
RETURNING place;

-- name: release_repeat!
DELETE FROM repeats
WHERE formation_id = :formation_id AND place = :place AND holder = :holder AND sealed IS NULL;
