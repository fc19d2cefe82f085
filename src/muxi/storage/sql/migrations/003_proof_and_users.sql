-- Proof of ownership, anonymous and disabled users, and how far an import has come.

-- Set: the user is shut out, and nothing of them is read or written until they are let in again.
ALTER TABLE users ADD COLUMN disabled_at timestamptz;

CREATE INDEX users_disabled ON users (formation_id, id) WHERE disabled_at IS NOT NULL;
-- Who is erased is looked for in every merge.
CREATE INDEX merge_members_by_user ON merge_members (user_id, formation_id);

-- Only Postgres. Byte for byte, as SQLite compares: the beginning of an identifier is then a range of the primary key,
-- whatever language the database sorts by.
ALTER TABLE identifiers ALTER COLUMN value TYPE text COLLATE "C";

-- How it was proved: code, link_token, id_token or trusted. Empty until then.
ALTER TABLE identifiers ADD COLUMN verified_by text NOT NULL DEFAULT '';
-- Only of anonymous users: when their token ends.
ALTER TABLE identifiers ADD COLUMN expires_at timestamptz;

-- The hash of a secret begins with a space, so that nothing that is written can be taken for it.
UPDATE identifiers SET value = ' ' || value WHERE type = 'api_key';

CREATE INDEX identifiers_by_expiry ON identifiers (formation_id, expires_at) WHERE expires_at IS NOT NULL;

-- The formation comes last in these: a statement that Postgres plans while the tables are new would otherwise take the
-- front of one of them for as good as the whole of the right index, and read all of a formation for one row.
DROP INDEX identifiers_by_user;
CREATE INDEX identifiers_by_user ON identifiers (user_id, formation_id);
DROP INDEX users_by_canonical;
CREATE INDEX users_by_canonical ON users (canonical_id, formation_id);
DROP INDEX sessions_by_key;
CREATE UNIQUE INDEX sessions_by_key ON sessions (user_id, key, formation_id);
DROP INDEX messages_by_user;
CREATE INDEX messages_by_user ON messages (user_id, formation_id);
DROP INDEX messages_by_request;
CREATE UNIQUE INDEX messages_by_request ON messages (request_key, user_id, formation_id) WHERE request_key IS NOT NULL;
DROP INDEX memories_by_version;
CREATE INDEX memories_by_version ON memories (user_id, version, formation_id);
DROP INDEX memories_by_id;
CREATE INDEX memories_by_id ON memories (user_id, id, formation_id);
DROP INDEX memories_by_request;
CREATE INDEX memories_by_request ON memories (request_key, user_id, formation_id) WHERE request_key IS NOT NULL;

-- One-time codes that were given out and not used yet. A code is a locator, by which the row is found, and a secret,
-- of which only a keyed hash is kept.
CREATE TABLE verifications (
    formation_id text NOT NULL REFERENCES formations (id),
    locator      text NOT NULL,
    code_hash    text NOT NULL,
    user_id      text NOT NULL,
    -- What is to be linked. Both NULL: whichever identifier the code comes back from.
    type         text,
    value        text,
    shown        text,
    -- The value as it would be stored if it were a secret.
    hashed       text,
    -- Who asked for it, and has to bring it back.
    requester    text NOT NULL,
    created_at   timestamptz NOT NULL,
    expires_at   timestamptz NOT NULL,
    tries_left   bigint NOT NULL,
    PRIMARY KEY (formation_id, locator),
    FOREIGN KEY (formation_id, user_id) REFERENCES users (formation_id, id)
);

CREATE UNIQUE INDEX verifications_by_identifier ON verifications (formation_id, value, type);
CREATE INDEX verifications_by_expiry ON verifications (formation_id, expires_at);
CREATE INDEX verifications_by_user ON verifications (formation_id, user_id);

-- Link tokens that were used, until they would have ended anyway.
CREATE TABLE used_tokens (
    formation_id text NOT NULL REFERENCES formations (id),
    jti          text NOT NULL,
    expires_at   timestamptz NOT NULL,
    PRIMARY KEY (formation_id, jti)
);

CREATE INDEX used_tokens_by_expiry ON used_tokens (formation_id, expires_at);

-- Who has ever asked for an identifier, by its keyed hash: one that many users claim is not one person's.
CREATE TABLE claims (
    formation_id text NOT NULL REFERENCES formations (id),
    fingerprint  text NOT NULL,
    user_id      text NOT NULL,
    claimed_at   timestamptz NOT NULL,
    PRIMARY KEY (formation_id, fingerprint, user_id),
    FOREIGN KEY (formation_id, user_id) REFERENCES users (formation_id, id)
);

CREATE INDEX claims_by_user ON claims (formation_id, user_id);

-- How much of a file has been imported, so that a broken import goes on where it stopped.
CREATE TABLE imports (
    formation_id text NOT NULL REFERENCES formations (id),
    -- SHA-256 of the file.
    source       text NOT NULL,
    lines_done   bigint NOT NULL,
    updated_at   timestamptz NOT NULL,
    PRIMARY KEY (formation_id, source)
);
