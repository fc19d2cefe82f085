-- Who an identifier means, in one row that is found by one number: SQLite goes down one tree of numbers for it instead
-- of four of texts, which stays as quick however many there are. It says what identifiers and users say, and triggers
-- keep it so, whoever writes. What is missing here is looked for there: a row without a key is as good as one with.

-- Only SQLite. A hash of formation, type and value (`databases/sqlite_keys.py`), written by who links it: a trigger that
-- made it would need muxi's own function, and no other tool could write to the file. Below zero: whoever links it
-- writes the row of lookups, too, and that row has it without its sign.
ALTER TABLE identifiers ADD COLUMN key bigint;

-- Only SQLite.
UPDATE identifiers SET key = identifier_key(formation_id, type, value);

-- Only SQLite.
CREATE TABLE lookups (
    key          INTEGER PRIMARY KEY,
    formation_id text NOT NULL,
    value        text NOT NULL,
    type         text NOT NULL,
    -- The surviving user, when it was made, and whether it is shut out.
    canonical_id text NOT NULL,
    created_at   timestamptz NOT NULL,
    disabled     bigint NOT NULL,
    verified     bigint NOT NULL
);

-- Only SQLite. Of two that have one key the first one keeps it.
INSERT OR IGNORE INTO lookups (key, formation_id, value, type, canonical_id, created_at, disabled, verified)
SELECT i.key, i.formation_id, i.value, i.type, c.id, c.created_at, c.disabled_at IS NOT NULL, i.verified_at IS NOT NULL
FROM identifiers i
CROSS JOIN users u ON u.formation_id = i.formation_id AND u.id = i.user_id
CROSS JOIN users c ON c.formation_id = u.formation_id AND c.id = u.canonical_id
ORDER BY i.key;

-- Only SQLite.
CREATE TRIGGER lookups_linked AFTER INSERT ON identifiers WHEN NEW.key >= 0
BEGIN
    INSERT INTO lookups (key, formation_id, value, type, canonical_id, created_at, disabled, verified)
    SELECT NEW.key, NEW.formation_id, NEW.value, NEW.type, c.id, c.created_at, c.disabled_at IS NOT NULL,
        NEW.verified_at IS NOT NULL
    FROM users u CROSS JOIN users c ON c.formation_id = u.formation_id AND c.id = u.canonical_id
    WHERE u.formation_id = NEW.formation_id AND u.id = NEW.user_id
    ON CONFLICT DO NOTHING;
END;

-- Only SQLite.
CREATE TRIGGER lookups_unlinked AFTER DELETE ON identifiers WHEN OLD.key IS NOT NULL
BEGIN
    DELETE FROM lookups
    WHERE key = OLD.key & 9223372036854775807
      AND formation_id = OLD.formation_id AND value = OLD.value AND type = OLD.type;
END;

-- Only SQLite.
CREATE TRIGGER lookups_changed AFTER UPDATE OF formation_id, value, type, user_id, verified_at, key ON identifiers
BEGIN
    DELETE FROM lookups
    WHERE key = OLD.key & 9223372036854775807
      AND formation_id = OLD.formation_id AND value = OLD.value AND type = OLD.type;
    INSERT INTO lookups (key, formation_id, value, type, canonical_id, created_at, disabled, verified)
    SELECT NEW.key & 9223372036854775807, NEW.formation_id, NEW.value, NEW.type, c.id, c.created_at,
        c.disabled_at IS NOT NULL, NEW.verified_at IS NOT NULL
    FROM users u CROSS JOIN users c ON c.formation_id = u.formation_id AND c.id = u.canonical_id
    WHERE u.formation_id = NEW.formation_id AND u.id = NEW.user_id AND NEW.key IS NOT NULL
    ON CONFLICT DO NOTHING;
END;

-- Only SQLite. A merge points each of its users, and whoever was merged into them, to the survivor; a split back.
-- The rows are listed first: joined, all of the table would be read for them.
CREATE TRIGGER lookups_pointed AFTER UPDATE OF canonical_id ON users WHEN OLD.canonical_id <> NEW.canonical_id
BEGIN
    UPDATE lookups SET (canonical_id, created_at, disabled) = (
        SELECT c.id, c.created_at, c.disabled_at IS NOT NULL FROM users c
        WHERE c.formation_id = NEW.formation_id AND c.id = NEW.canonical_id)
    WHERE key IN (
        SELECT l.key FROM identifiers i CROSS JOIN lookups l
        WHERE i.user_id = NEW.id AND i.formation_id = NEW.formation_id
          AND l.key = i.key & 9223372036854775807
          AND l.formation_id = i.formation_id AND l.value = i.value AND l.type = i.type);
END;

-- Only SQLite. Whoever was merged into a user is shut out with it.
CREATE TRIGGER lookups_shut_out AFTER UPDATE OF disabled_at ON users
WHEN (OLD.disabled_at IS NULL) <> (NEW.disabled_at IS NULL)
BEGIN
    UPDATE lookups SET disabled = NEW.disabled_at IS NOT NULL
    WHERE key IN (
        SELECT l.key FROM users u CROSS JOIN identifiers i CROSS JOIN lookups l
        WHERE u.canonical_id = NEW.id AND u.formation_id = NEW.formation_id
          AND i.user_id = u.id AND i.formation_id = u.formation_id
          AND l.key = i.key & 9223372036854775807
          AND l.formation_id = i.formation_id AND l.value = i.value AND l.type = i.type);
END;
