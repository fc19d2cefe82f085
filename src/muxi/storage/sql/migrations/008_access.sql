-- Access: keys, the tokens of users, roles, and conversations that are opened and ended.

-- Moves whenever a key, a role, or the worth of a token changes: caches of other processes compare it.
ALTER TABLE formations ADD COLUMN access_version bigint NOT NULL DEFAULT 0;

-- A key is shown once; only a keyed hash of it is kept.
CREATE TABLE api_keys (
    formation_id text NOT NULL REFERENCES formations (id),
    id           text NOT NULL,
    hash         text NOT NULL,
    name         text NOT NULL,
    owner        text NOT NULL,
    role         text NOT NULL,
    -- Names with spaces between them. NULL: all that the role may.
    scopes       text,
    -- For whom it may act. NULL: for anybody.
    user_id      text,
    created_at   timestamptz NOT NULL,
    created_by   text NOT NULL,
    expires_at   timestamptz,
    last_used_at timestamptz,
    revoked_at   timestamptz,
    -- The key that took its place.
    rotated_to   text,
    PRIMARY KEY (formation_id, id),
    FOREIGN KEY (formation_id, user_id) REFERENCES users (formation_id, id)
);

CREATE INDEX api_keys_by_user ON api_keys (user_id, formation_id) WHERE user_id IS NOT NULL;

CREATE TABLE roles (
    formation_id text NOT NULL REFERENCES formations (id),
    name         text NOT NULL,
    description  text NOT NULL,
    -- Names with spaces between them.
    permissions  text NOT NULL,
    PRIMARY KEY (formation_id, name)
);

-- With what tokens are signed. The keys themselves are derived from the formation's own.
CREATE TABLE signing_keys (
    formation_id text NOT NULL REFERENCES formations (id),
    kid          text NOT NULL,
    algorithm    text NOT NULL,
    created_at   timestamptz NOT NULL,
    -- From then on it signs nothing; what it signed works until it ends.
    retired_at   timestamptz,
    PRIMARY KEY (formation_id, kid)
);

-- Tokens that were taken back, until they would have ended anyway.
CREATE TABLE revoked_tokens (
    formation_id text NOT NULL REFERENCES formations (id),
    jti          text NOT NULL,
    expires_at   timestamptz NOT NULL,
    PRIMARY KEY (formation_id, jti)
);

-- A user's tokens that were made before are worth nothing.
CREATE TABLE token_floors (
    formation_id text NOT NULL,
    user_id      text NOT NULL,
    at           timestamptz NOT NULL,
    PRIMARY KEY (formation_id, user_id),
    FOREIGN KEY (formation_id, user_id) REFERENCES users (formation_id, id)
);

-- Set, if only to {}: the session was opened by itself, and not by a first message.
ALTER TABLE sessions ADD COLUMN metadata jsonb;
-- From then on nothing can be said in it.
ALTER TABLE sessions ADD COLUMN ended_at timestamptz;
ALTER TABLE sessions ADD COLUMN expires_at timestamptz;
-- How many seconds of silence end it.
ALTER TABLE sessions ADD COLUMN idle_s bigint;
