-- Agents: which one a user talks to unless told otherwise.

-- name: set_default_agent!
INSERT INTO agent_defaults (formation_id, user_id, agent_id)
VALUES (:formation_id, :user_id, :agent_id)
ON CONFLICT (formation_id, user_id) DO UPDATE SET agent_id = excluded.agent_id;

-- name: default_agent$
-- After a merge both sides can have one: the surviving user's own counts first.
SELECT agent_id FROM agent_defaults
WHERE formation_id = :formation_id
  AND user_id IN (SELECT id FROM users WHERE formation_id = :formation_id AND canonical_id = :user_id)
ORDER BY CASE WHEN user_id = :user_id THEN 0 ELSE 1 END, user_id
LIMIT 1;
