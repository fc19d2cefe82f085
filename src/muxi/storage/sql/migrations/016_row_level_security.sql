-- Row-level security: a second wall, on Postgres. A query that forgets its formation or its user finds nothing of others.
-- Whoever sends a statement says before it, in two settings of the connection, whose rows it is about: muxi.formation,
-- and muxi.user, which is a user's id, '*' for everybody of the formation, or empty for nobody
-- (`databases/postgres_scope.py`). `docs/security.md` says what it stops and what it does not.

-- Only Postgres. Whose rows a user reaches: their own under every id, and those of the teams that they are in.
-- Both functions are asked only about rows that are not the user's by the first look: of who was merged, and of teams.
DO '
BEGIN
    EXECUTE format($made$
        CREATE FUNCTION %1$I.muxi_reach() RETURNS text[] STABLE PARALLEL SAFE LANGUAGE plpgsql AS $body$
        DECLARE
            formation text := current_setting(''muxi.formation'', true);
            own text[] := ARRAY(
                SELECT g.id FROM %1$I.users g
                WHERE g.formation_id = formation AND g.canonical_id = (
                    SELECT s.canonical_id FROM %1$I.users s
                    WHERE s.formation_id = formation AND s.id = current_setting(''muxi.user'', true)));
        BEGIN
            RETURN own || ARRAY(
                SELECT t.team_id FROM %1$I.team_members t WHERE t.formation_id = formation AND t.user_id = ANY (own));
        END
        $body$
    $made$, current_schema());
    -- Whether a session is in reach: behind the wall of its own table.
    EXECUTE format($made$
        CREATE FUNCTION %1$I.muxi_reaches_session(session text) RETURNS boolean STABLE PARALLEL SAFE LANGUAGE plpgsql
        AS $body$
        BEGIN
            RETURN EXISTS (
                SELECT 1 FROM %1$I.sessions s
                WHERE s.formation_id = current_setting(''muxi.formation'', true) AND s.id = session);
        END
        $body$
    $made$, current_schema());
END';

-- Only Postgres. Each setting is looked up once a statement, as is muxi_reach: that is what (SELECT ...) is for.
-- Tables of who is who, which are read before a user is known, have the formation's wall alone.
DO '
DECLARE
    formation CONSTANT text := $$(SELECT current_setting(''muxi.formation'', true))$$;
    of_user CONSTANT text := $$
        user_id = (SELECT current_setting(''muxi.user'', true))
        OR (SELECT current_setting(''muxi.user'', true)) = ''*''
        OR user_id IS NULL
        OR user_id = ANY ((SELECT muxi_reach())::text[])$$;
    content CONSTANT text[] := ARRAY[
        ''sessions'', ''messages'', ''memories'', ''facts'', ''memory_edits'', ''extractions'', ''extraction_failures'',
        ''synopses'', ''memory_segments'', ''agent_defaults'', ''data_keys'', ''credentials''];
    one record;
BEGIN
    FOR one IN
        SELECT c.relname AS name, a.attname AS key FROM pg_catalog.pg_class c
        JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace AND n.nspname = current_schema()
        JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND NOT a.attisdropped
            AND a.attname = CASE c.relname WHEN ''formations'' THEN ''id'' ELSE ''formation_id'' END
        WHERE c.relkind = ''r''
    LOOP
        EXECUTE format(''ALTER TABLE %I ENABLE ROW LEVEL SECURITY'', one.name);
        EXECUTE format(''ALTER TABLE %I FORCE ROW LEVEL SECURITY'', one.name);
        EXECUTE format(''CREATE POLICY muxi_wall ON %I USING (%I = %s AND (%s))'', one.name, one.key, formation,
            CASE
                WHEN one.name = ANY (content) THEN of_user
                -- Without a column of the user, as what they belong to.
                WHEN one.name = ''buffer_clears'' THEN ''muxi_reaches_session(session_id)''
                WHEN one.name = ''new_embeddings'' THEN $$
                    (SELECT current_setting(''muxi.user'', true)) = ''*''
                    OR (SELECT true FROM memories m
                        WHERE m.formation_id = new_embeddings.formation_id AND m.id = new_embeddings.memory_id)$$
                ELSE ''true''
            END);
    END LOOP;
END';
