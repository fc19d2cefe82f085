-- Synopses: short texts about users. Ownership is checked in every one.

-- name: profile_version^
-- Of a user and of those it is made of: every write to their facts or synopses changes it.
SELECT sum(u.fact_version), (
    SELECT max(s.made_at) FROM synopses s
    WHERE s.formation_id || '' = :formation_id AND s.user_id = :user_id)
FROM users u
WHERE u.formation_id = :formation_id AND u.canonical_id = :user_id;

-- name: synopses_of
SELECT tier, text, basis, model, made_at FROM synopses
WHERE formation_id = :formation_id AND user_id = :user_id;

-- name: write_synopsis!
INSERT INTO synopses (formation_id, user_id, tier, text, basis, model, made_at)
VALUES (:formation_id, :user_id, :tier, :text, :basis, :model, :made_at)
ON CONFLICT (formation_id, user_id, tier) DO UPDATE SET
    text = excluded.text, basis = excluded.basis, model = excluded.model, made_at = excluded.made_at;
