-- Merges: a pointer a user, so that they cost the same at any size and can be undone.

-- name: add_merge!
INSERT INTO merges (formation_id, id, survivor_id, merged_at, merged_by)
VALUES (:formation_id, :merge_id, :survivor_id, :merged_at, :merged_by);

-- name: add_members!
-- Everyone who stands under the user that is merged, itself included.
INSERT INTO merge_members (formation_id, merge_id, user_id, stood_under)
SELECT formation_id, :merge_id, id, canonical_id FROM users
WHERE formation_id = :formation_id AND canonical_id = :user_id;

-- name: point_to!
UPDATE users SET canonical_id = :survivor_id
WHERE formation_id = :formation_id AND canonical_id = :user_id;

-- name: put_back!
UPDATE users SET canonical_id = (
    SELECT m.stood_under FROM merge_members m
    WHERE m.formation_id = :formation_id AND m.merge_id = :merge_id AND m.user_id = users.id)
WHERE formation_id = :formation_id AND id IN (
    SELECT user_id FROM merge_members WHERE formation_id = :formation_id AND merge_id = :merge_id);

-- name: superseded_by_others
-- Of everybody. After a split: memories of a user that gave way to what is not the same canonical user's any more.
SELECT m.id FROM memories m CROSS JOIN memories o CROSS JOIN users p
WHERE m.formation_id = :formation_id AND m.user_id = :user_id AND m.superseded_by <> ''
  AND o.formation_id = :formation_id AND o.id = m.superseded_by
  AND p.formation_id = :formation_id AND p.id = o.user_id AND p.canonical_id <> :canonical_id
ORDER BY m.id;

-- name: stand_again!
UPDATE memories SET superseded_at = NULL, superseded_by = '', version = :version
WHERE formation_id = :formation_id AND id = :id AND user_id = :user_id;

-- name: find_merge^
SELECT id, survivor_id, merged_at, merged_by, split_at FROM merges
WHERE formation_id = :formation_id AND id = :merge_id;

-- name: members_of
-- The users that a merge took in, without those who stood under them.
SELECT user_id FROM merge_members
WHERE formation_id = :formation_id AND merge_id = :merge_id AND user_id = stood_under
ORDER BY user_id;

-- name: end_merge$
-- No row: somebody was faster.
UPDATE merges SET split_at = :split_at
WHERE formation_id = :formation_id AND id = :merge_id AND split_at IS NULL
RETURNING id;

-- name: merges_of
-- Newest first: those that made a user what it is.
SELECT id, survivor_id, merged_at, merged_by, split_at FROM merges
WHERE formation_id = :formation_id
  AND survivor_id IN (SELECT id FROM users WHERE formation_id = :formation_id AND canonical_id = :user_id)
ORDER BY merged_at DESC, id DESC;

-- name: later_merge$
-- The merge that took a survivor in, if it still stands.
SELECT m.merge_id FROM merge_members m
JOIN merges g ON g.formation_id = m.formation_id AND g.id = m.merge_id
WHERE m.formation_id = :formation_id AND m.user_id = :user_id AND g.split_at IS NULL
ORDER BY g.merged_at DESC, g.id DESC
LIMIT 1;

-- name: holdings^
-- What a user holds, counted. CROSS JOIN: SQLite keeps its order, which is from the user to what is theirs.
SELECT
    (SELECT count(*) FROM users u CROSS JOIN identifiers i
     WHERE u.formation_id = :formation_id AND u.canonical_id = :user_id
       AND i.formation_id = :formation_id AND i.user_id = u.id),
    (SELECT count(*) FROM users u CROSS JOIN sessions s
     WHERE u.formation_id = :formation_id AND u.canonical_id = :user_id
       AND s.formation_id = :formation_id AND s.user_id = u.id),
    (SELECT count(*) FROM users u CROSS JOIN messages m
     WHERE u.formation_id = :formation_id AND u.canonical_id = :user_id
       AND m.formation_id = :formation_id AND m.user_id = u.id),
    (SELECT count(*) FROM users u CROSS JOIN memories m
     WHERE u.formation_id = :formation_id AND u.canonical_id = :user_id
       AND m.formation_id = :formation_id AND m.user_id = u.id),
    (SELECT count(*) FROM users u CROSS JOIN facts f
     WHERE u.formation_id = :formation_id AND u.canonical_id = :user_id
       AND f.formation_id = :formation_id AND f.user_id = u.id AND f.superseded_at IS NULL);
