-- Bulk: how far an import has come. What it reads and adds is in bulk_sqlite.sql and bulk_postgres.sql.

-- name: lines_done$
SELECT lines_done FROM imports WHERE formation_id = :formation_id AND source = :source;

-- name: begin_import$
-- No row: it was begun already.
INSERT INTO imports (formation_id, source, lines_done, updated_at)
VALUES (:formation_id, :source, :after, :now)
ON CONFLICT DO NOTHING
RETURNING lines_done;

-- name: move_import$
-- No row: somebody else moves it, too.
UPDATE imports SET lines_done = :after, updated_at = :now
WHERE formation_id = :formation_id AND source = :source AND lines_done = :before
RETURNING lines_done;

-- name: end_import!
DELETE FROM imports WHERE formation_id = :formation_id AND source = :source;
