-- Teams, and who is in them. A member's rows are read through everybody whom the canonical user is made of.
--
-- CROSS JOIN: SQLite keeps its order, which is from one user to what is theirs.

-- name: add_team_owner!
-- The row among the users that owns what the team shares.
INSERT INTO users (formation_id, id, canonical_id, created_at, kind)
VALUES (:formation_id, :user_id, :user_id, :created_at, 'team');

-- name: add_team$
-- No row: another team has this name.
INSERT INTO teams (formation_id, id, name, name_key, created_at, created_by)
VALUES (:formation_id, :team_id, :name, :name_key, :created_at, :created_by)
ON CONFLICT DO NOTHING
RETURNING id;

-- name: rename_team$
UPDATE teams SET name = :name, name_key = :name_key
WHERE formation_id = :formation_id AND id = :team_id
RETURNING id;

-- name: find_team^
SELECT id, name, created_at, created_by FROM teams
WHERE formation_id = :formation_id AND id = :team_id;

-- name: newest_teams
-- Newest first; the cursor is the last row's id.
SELECT id, name, created_at, created_by FROM teams
WHERE formation_id = :formation_id AND id < :before
ORDER BY id DESC
LIMIT :limit;

-- name: members_of_team
-- Each canonical user once: manager, if one of those whom they are made of is.
SELECT u.canonical_id, min(m.role), min(m.joined_at) AS "joined_at [timestamptz]"
FROM team_members m CROSS JOIN users u
WHERE m.formation_id = :formation_id AND m.team_id = :team_id
  AND u.formation_id = :formation_id AND u.id = m.user_id
GROUP BY u.canonical_id
ORDER BY 3, 1;

-- name: role_in_team$
SELECT min(m.role)
FROM users u CROSS JOIN team_members m
WHERE u.formation_id = :formation_id AND u.canonical_id = :user_id
  AND m.formation_id = :formation_id AND m.team_id = :team_id AND m.user_id = u.id;

-- name: canonical_of$
SELECT canonical_id FROM users WHERE formation_id = :formation_id AND id = :user_id;

-- name: teams_of
SELECT t.id, t.name, t.created_at, t.created_by, min(m.role), min(m.joined_at) AS "joined_at [timestamptz]"
FROM users u CROSS JOIN team_members m CROSS JOIN teams t
WHERE u.formation_id = :formation_id AND u.canonical_id = :user_id
  AND m.formation_id = :formation_id AND m.user_id = u.id
  AND t.formation_id = :formation_id AND t.id = m.team_id
GROUP BY t.id, t.name, t.created_at, t.created_by
ORDER BY t.id;

-- name: add_member!
INSERT INTO team_members (formation_id, team_id, user_id, role, joined_at)
VALUES (:formation_id, :team_id, :user_id, :role, :now);

-- name: set_role!
UPDATE team_members SET role = :role
WHERE formation_id = :formation_id AND team_id = :team_id
  AND user_id IN (SELECT id FROM users WHERE formation_id = :formation_id AND canonical_id = :user_id);

-- name: remove_member!
DELETE FROM team_members
WHERE formation_id = :formation_id AND team_id = :team_id
  AND user_id IN (SELECT id FROM users WHERE formation_id = :formation_id AND canonical_id = :user_id);

-- name: remove_members!
DELETE FROM team_members WHERE formation_id = :formation_id AND team_id = :team_id;

-- name: remove_team!
DELETE FROM teams WHERE formation_id = :formation_id AND id = :team_id;
