-- Synopses: short texts about users. Ownership is checked in every one.

-- name: profile_version^
-- Of a user and of those it is made of: every write to their facts or synopses changes it. And whether one has opted out.
SELECT sum(u.fact_version), (
    SELECT max(s.made_at) FROM synopses s
    WHERE s.formation_id || '' = :formation_id AND s.user_id = :user_id),
    EXISTS (
        SELECT 1 FROM users g JOIN extractions x ON x.formation_id = g.formation_id AND x.user_id = g.id
        WHERE g.formation_id = :formation_id AND g.canonical_id = :user_id AND x.opted_out_at IS NOT NULL)
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

-- name: spend$
-- Counted with the calls that reading costs. No row: there were as many today as there may be.
INSERT INTO extractions (formation_id, user_id, spent, spent_on)
VALUES (:formation_id, :user_id, 1, :today)
ON CONFLICT (formation_id, user_id) DO UPDATE SET
    spent = CASE WHEN extractions.spent_on = :today THEN extractions.spent + 1 ELSE 1 END, spent_on = :today
WHERE extractions.spent_on <> :today OR extractions.spent < :most
RETURNING 1;
