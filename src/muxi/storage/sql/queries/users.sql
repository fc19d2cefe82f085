-- Users as things: lists, and who is shut out. Of each: its identifiers, and when it last spoke.
--
-- CROSS JOIN: SQLite keeps its order, which is from one user to what is theirs and never the other way round. For the
-- same end a value that is not to be searched by is compared as value || ''.

-- name: newest_users
-- Of everybody. Canonical users below an id; a row an identifier, or one without.
WITH page AS (
    SELECT u.id, u.created_at, u.disabled_at FROM users u
    WHERE u.formation_id = :formation_id AND u.canonical_id = u.id AND u.id < :before AND u.kind = 'person'
      AND (:only = '' OR u.disabled_at IS NULL)
    ORDER BY u.id DESC
    LIMIT :limit)
SELECT page.id, page.created_at, page.disabled_at, (
        SELECT s.last_at FROM users o CROSS JOIN sessions s
        WHERE o.formation_id = :formation_id AND o.canonical_id = page.id
          AND s.formation_id = :formation_id AND s.user_id = o.id AND s.next_seq > 1
        ORDER BY s.last_at DESC LIMIT 1),
    i.type, i.value, i.shown, i.linked_at, i.linked_by, i.verified_at
FROM page CROSS JOIN users m
LEFT JOIN identifiers i ON i.formation_id = :formation_id AND i.user_id = m.id
WHERE m.formation_id = :formation_id AND m.canonical_id = page.id
ORDER BY page.id DESC, i.linked_at, i.shown, i.type;

-- name: newest_disabled_users
-- Of everybody. The same of those who are shut out, by an index of them alone.
WITH page AS (
    SELECT u.id, u.created_at, u.disabled_at FROM users u
    WHERE u.formation_id = :formation_id AND u.canonical_id = u.id AND u.id < :before AND u.kind = 'person'
      AND u.disabled_at IS NOT NULL
    ORDER BY u.id DESC
    LIMIT :limit)
SELECT page.id, page.created_at, page.disabled_at, (
        SELECT s.last_at FROM users o CROSS JOIN sessions s
        WHERE o.formation_id = :formation_id AND o.canonical_id = page.id
          AND s.formation_id = :formation_id AND s.user_id = o.id AND s.next_seq > 1
        ORDER BY s.last_at DESC LIMIT 1),
    i.type, i.value, i.shown, i.linked_at, i.linked_by, i.verified_at
FROM page CROSS JOIN users m
LEFT JOIN identifiers i ON i.formation_id = :formation_id AND i.user_id = m.id
WHERE m.formation_id = :formation_id AND m.canonical_id = page.id
ORDER BY page.id DESC, i.linked_at, i.shown, i.type;

-- name: matching_users
-- Of everybody.
-- Users by the beginning of an identifier: a range of values, or a second one. Each user once, by its first match.
WITH found AS (
    SELECT * FROM (
        SELECT i.value, i.type, c.id, c.created_at, c.disabled_at
        FROM identifiers i
        JOIN users u ON u.formation_id = i.formation_id AND u.id = i.user_id
        JOIN users c ON c.formation_id = u.formation_id AND c.id = u.canonical_id
        WHERE i.formation_id = :formation_id AND i.value >= :first_from AND i.value < :first_to
          AND (i.value || '' > :after_value OR (i.value || '' = :after_value AND i.type > :after_type))
          AND (:only = '' OR c.disabled_at IS NULL)
          AND NOT EXISTS (
            SELECT 1 FROM users o CROSS JOIN identifiers e
            WHERE o.formation_id = :formation_id AND o.canonical_id = c.id
              AND e.formation_id = :formation_id AND e.user_id = o.id
              AND ((e.value || '' >= :first_start AND e.value || '' < :first_to)
                OR (e.value || '' >= :second_start AND e.value || '' < :second_to))
              AND (e.value || '' < i.value OR (e.value || '' = i.value AND e.type < i.type)))
        ORDER BY i.value, i.type
        LIMIT :limit) AS first
    UNION ALL
    SELECT * FROM (
        SELECT i.value, i.type, c.id, c.created_at, c.disabled_at
        FROM identifiers i
        JOIN users u ON u.formation_id = i.formation_id AND u.id = i.user_id
        JOIN users c ON c.formation_id = u.formation_id AND c.id = u.canonical_id
        WHERE i.formation_id = :formation_id AND i.value >= :second_from AND i.value < :second_to
          AND (i.value || '' > :after_value OR (i.value || '' = :after_value AND i.type > :after_type))
          AND (:only = '' OR c.disabled_at IS NULL)
          AND NOT EXISTS (
            SELECT 1 FROM users o CROSS JOIN identifiers e
            WHERE o.formation_id = :formation_id AND o.canonical_id = c.id
              AND e.formation_id = :formation_id AND e.user_id = o.id
              AND ((e.value || '' >= :first_start AND e.value || '' < :first_to)
                OR (e.value || '' >= :second_start AND e.value || '' < :second_to))
              AND (e.value || '' < i.value OR (e.value || '' = i.value AND e.type < i.type)))
        ORDER BY i.value, i.type
        LIMIT :limit) AS second
), page AS (
    SELECT * FROM found ORDER BY value, type LIMIT :limit)
SELECT page.value, page.type, page.id, page.created_at, page.disabled_at, (
        SELECT s.last_at FROM users o CROSS JOIN sessions s
        WHERE o.formation_id = :formation_id AND o.canonical_id = page.id
          AND s.formation_id = :formation_id AND s.user_id = o.id AND s.next_seq > 1
        ORDER BY s.last_at DESC LIMIT 1),
    i.type, i.value, i.shown, i.linked_at, i.linked_by, i.verified_at
FROM page CROSS JOIN users m
LEFT JOIN identifiers i ON i.formation_id = :formation_id AND i.user_id = m.id
WHERE m.formation_id = :formation_id AND m.canonical_id = page.id
ORDER BY page.value, page.type, i.linked_at, i.shown, i.type;

-- name: matching_disabled_users
-- Of everybody. The same of those who are shut out, from their own index: they are few, and may be behind many matches.
WITH page AS (
    SELECT i.value, i.type, c.id, c.created_at, c.disabled_at
    FROM users c CROSS JOIN users u CROSS JOIN identifiers i
    WHERE c.formation_id = :formation_id AND c.canonical_id = c.id AND c.disabled_at IS NOT NULL
      AND u.formation_id = :formation_id AND u.canonical_id = c.id
      AND i.formation_id = :formation_id AND i.user_id = u.id
      AND ((i.value || '' >= :first_from AND i.value || '' < :first_to)
        OR (i.value || '' >= :second_from AND i.value || '' < :second_to))
      AND (i.value || '' > :after_value OR (i.value || '' = :after_value AND i.type > :after_type))
      AND NOT EXISTS (
        SELECT 1 FROM users o CROSS JOIN identifiers e
        WHERE o.formation_id = :formation_id AND o.canonical_id = c.id
          AND e.formation_id = :formation_id AND e.user_id = o.id
          AND ((e.value || '' >= :first_start AND e.value || '' < :first_to)
            OR (e.value || '' >= :second_start AND e.value || '' < :second_to))
          AND (e.value || '' < i.value OR (e.value || '' = i.value AND e.type < i.type)))
    ORDER BY i.value, i.type
    LIMIT :limit)
SELECT page.value, page.type, page.id, page.created_at, page.disabled_at, (
        SELECT s.last_at FROM users o CROSS JOIN sessions s
        WHERE o.formation_id = :formation_id AND o.canonical_id = page.id
          AND s.formation_id = :formation_id AND s.user_id = o.id AND s.next_seq > 1
        ORDER BY s.last_at DESC LIMIT 1),
    i.type, i.value, i.shown, i.linked_at, i.linked_by, i.verified_at
FROM page CROSS JOIN users m
LEFT JOIN identifiers i ON i.formation_id = :formation_id AND i.user_id = m.id
WHERE m.formation_id = :formation_id AND m.canonical_id = page.id
ORDER BY page.value, page.type, i.linked_at, i.shown, i.type;

-- name: user_summary
SELECT c.id, c.created_at, c.disabled_at, (
        SELECT s.last_at FROM users o CROSS JOIN sessions s
        WHERE o.formation_id = :formation_id AND o.canonical_id = c.id
          AND s.formation_id = :formation_id AND s.user_id = o.id AND s.next_seq > 1
        ORDER BY s.last_at DESC LIMIT 1),
    i.type, i.value, i.shown, i.linked_at, i.linked_by, i.verified_at
FROM users u
JOIN users c ON c.formation_id = u.formation_id AND c.id = u.canonical_id
JOIN users m ON m.formation_id = u.formation_id AND m.canonical_id = c.id
LEFT JOIN identifiers i ON i.formation_id = m.formation_id AND i.user_id = m.id
WHERE u.formation_id = :formation_id AND u.id = :user_id AND u.kind = 'person'
ORDER BY i.linked_at, i.shown, i.type;

-- name: disable_users$
-- Those that were merged into it, too: a split lets nobody in. No row: it is so already.
UPDATE users SET disabled_at = :now
WHERE formation_id = :formation_id AND canonical_id = :user_id AND disabled_at IS NULL
RETURNING id;

-- name: enable_users$
UPDATE users SET disabled_at = NULL
WHERE formation_id = :formation_id AND canonical_id = :user_id AND disabled_at IS NOT NULL
RETURNING id;

-- name: end_verifications!
-- The user's own, and whatever others have asked for about the user's identifiers.
DELETE FROM verifications
WHERE formation_id = :formation_id
  AND (
    user_id IN (SELECT id FROM users WHERE formation_id = :formation_id AND canonical_id = :user_id)
    OR (value, type) IN (
        SELECT i.value, i.type FROM identifiers i
        JOIN users u ON u.formation_id = i.formation_id AND u.id = i.user_id
        WHERE i.formation_id = :formation_id AND u.canonical_id = :user_id));
