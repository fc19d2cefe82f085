-- References that cost more than they tell are checked no longer, on Postgres. It checks each by a query and a lock.

-- Only Postgres. A formation is never deleted, a store is bound to one that it has made or found, and the walls let
-- nobody write another's rows. A row's reference to it had every writer lock the formation's one row.
DO '
DECLARE
    one record;
BEGIN
    FOR one IN
        SELECT conrelid::regclass AS name, conname FROM pg_catalog.pg_constraint
        WHERE contype = ''f'' AND confrelid = to_regclass(''formations'')
    LOOP
        EXECUTE format(''ALTER TABLE %s DROP CONSTRAINT %I'', one.name, one.conname);
    END LOOP;
END';

-- Only Postgres. That a user survives itself needs no check: only of who was merged, the survivor is looked for.
ALTER TABLE users ADD COLUMN merged_into text GENERATED ALWAYS AS (NULLIF(canonical_id, id)) STORED;

-- Only Postgres. For the check when a user is erased.
CREATE INDEX users_merged ON users (merged_into, formation_id) WHERE merged_into IS NOT NULL;

-- Only Postgres.
ALTER TABLE users ADD FOREIGN KEY (formation_id, merged_into) REFERENCES users (formation_id, id);

-- Only Postgres.
ALTER TABLE users DROP CONSTRAINT users_formation_id_canonical_id_fkey;
