-- Sessions on Postgres: look-ups whose plan does not depend on when it was made (see identity_postgres.sql).

-- name: answered^
SELECT a.session_id, a.id, a.text, a.agent_id, q.text
FROM messages q
CROSS JOIN LATERAL (
    SELECT m.* FROM messages m
    WHERE m.formation_id = :formation_id AND m.session_id = q.session_id AND m.seq = q.seq + 1
    OFFSET 0) a
WHERE q.formation_id = :formation_id AND q.request_key = :request_key
  AND q.user_id IN (SELECT id FROM users WHERE formation_id = :formation_id AND canonical_id = :user_id);
