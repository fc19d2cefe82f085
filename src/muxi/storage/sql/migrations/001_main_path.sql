-- The main path: who a person is, what was said, what is remembered.
-- One text for both engines: SQLite reads timestamptz, jsonb and bytea through converters of those names.

CREATE TABLE formations (
    id                  text PRIMARY KEY,
    created_at          timestamptz NOT NULL,
    -- Moves whenever an existing link changes: caches of other processes compare it.
    identity_version    bigint NOT NULL DEFAULT 0,
    -- The same pair as on users, for what is stored without a user.
    memory_version      bigint NOT NULL DEFAULT 0,
    memory_floor        bigint NOT NULL DEFAULT 0,
    embedding_model     text,
    embedding_dimension bigint,
    -- Keys the hash under which secrets are stored as identifiers.
    hash_key            bytea NOT NULL
);

CREATE TABLE users (
    formation_id   text NOT NULL REFERENCES formations (id),
    id             text NOT NULL,
    -- The surviving user of a merge; the user's own id otherwise.
    canonical_id   text NOT NULL,
    created_at     timestamptz NOT NULL,
    -- Counts the writes to this user's memories; each memory keeps the count it was written at.
    memory_version bigint NOT NULL DEFAULT 0,
    -- The count at the last deletion: what was read before it must be read anew, whole.
    memory_floor   bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (formation_id, id),
    FOREIGN KEY (formation_id, canonical_id) REFERENCES users (formation_id, id)
);

CREATE INDEX users_by_canonical ON users (formation_id, canonical_id);

CREATE TABLE identifiers (
    formation_id text NOT NULL,
    -- Before the type: a look-up without a type uses the front of the key.
    value        text NOT NULL,
    type         text NOT NULL,
    user_id      text NOT NULL,
    shown        text NOT NULL,
    linked_at    timestamptz NOT NULL,
    linked_by    text NOT NULL,
    verified_at  timestamptz,
    PRIMARY KEY (formation_id, value, type),
    FOREIGN KEY (formation_id, user_id) REFERENCES users (formation_id, id)
);

CREATE INDEX identifiers_by_user ON identifiers (formation_id, user_id);

CREATE TABLE sessions (
    formation_id text NOT NULL REFERENCES formations (id),
    id           text NOT NULL,
    user_id      text,
    -- What finds it again: the application's own name of it, or the identifier it is the default of.
    key          text NOT NULL,
    name         text NOT NULL,
    channel      text NOT NULL,
    started_at   timestamptz NOT NULL,
    last_at      timestamptz NOT NULL,
    next_seq     bigint NOT NULL DEFAULT 1,
    PRIMARY KEY (formation_id, id),
    FOREIGN KEY (formation_id, user_id) REFERENCES users (formation_id, id)
);

CREATE UNIQUE INDEX sessions_by_key ON sessions (formation_id, user_id, key);
CREATE UNIQUE INDEX sessions_without_user ON sessions (formation_id, key) WHERE user_id IS NULL;

CREATE TABLE messages (
    formation_id text NOT NULL,
    session_id   text NOT NULL,
    seq          bigint NOT NULL,
    id           text NOT NULL,
    user_id      text,
    role         text NOT NULL,
    text         text NOT NULL,
    agent_id     text NOT NULL,
    metadata     jsonb NOT NULL,
    created_at   timestamptz NOT NULL,
    -- Names the request that stored it, so that a repeated request finds its answer.
    request_key  text,
    PRIMARY KEY (formation_id, session_id, seq),
    FOREIGN KEY (formation_id, session_id) REFERENCES sessions (formation_id, id),
    FOREIGN KEY (formation_id, user_id) REFERENCES users (formation_id, id)
);

CREATE INDEX messages_by_user ON messages (formation_id, user_id);
CREATE UNIQUE INDEX messages_by_request ON messages (formation_id, user_id, request_key) WHERE request_key IS NOT NULL;

CREATE TABLE buffer_clears (
    formation_id text NOT NULL,
    session_id   text NOT NULL,
    -- Empty: messages of every agent.
    agent_id     text NOT NULL,
    through_seq  bigint NOT NULL,
    PRIMARY KEY (formation_id, session_id, agent_id),
    FOREIGN KEY (formation_id, session_id) REFERENCES sessions (formation_id, id)
);

CREATE TABLE memories (
    formation_id    text NOT NULL REFERENCES formations (id),
    id              text NOT NULL,
    user_id         text,
    version         bigint NOT NULL,
    kind            text NOT NULL,
    text            text NOT NULL,
    importance      double precision NOT NULL,
    channel         text NOT NULL,
    agent_id        text NOT NULL,
    session_id      text NOT NULL,
    seq             bigint NOT NULL,
    said_at         timestamptz NOT NULL,
    created_at      timestamptz NOT NULL,
    metadata        jsonb NOT NULL,
    request_key     text,
    embedding       bytea,
    embedding_model text,
    PRIMARY KEY (formation_id, id),
    FOREIGN KEY (formation_id, user_id) REFERENCES users (formation_id, id)
);

CREATE INDEX memories_by_version ON memories (formation_id, user_id, version);
CREATE INDEX memories_by_id ON memories (formation_id, user_id, id);
CREATE INDEX memories_to_embed ON memories (formation_id, id) WHERE embedding IS NULL;
-- Several memories can come with one request; the owner's lock keeps repeats apart.
CREATE INDEX memories_by_request ON memories (formation_id, user_id, request_key) WHERE request_key IS NOT NULL;

CREATE TABLE agent_defaults (
    formation_id text NOT NULL,
    user_id      text NOT NULL,
    agent_id     text NOT NULL,
    PRIMARY KEY (formation_id, user_id),
    FOREIGN KEY (formation_id, user_id) REFERENCES users (formation_id, id)
);
