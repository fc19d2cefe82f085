-- Claims: which users have asked for an identifier.

-- name: add_claim$
-- No row: this user has asked for it before. Else how many others have, counted no further than asked.
INSERT INTO claims (formation_id, fingerprint, user_id, claimed_at)
VALUES (:formation_id, :fingerprint, :user_id, :claimed_at)
ON CONFLICT DO NOTHING
RETURNING (
    SELECT count(*) FROM (
        SELECT 1 FROM claims c
        WHERE c.formation_id = :formation_id AND c.fingerprint = :fingerprint AND c.user_id <> :user_id
        LIMIT :most) AS others);
