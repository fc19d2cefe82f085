-- The context: what was said about each path, and what it superseded. And what memories said before they were changed.

-- Counts the writes to a user's facts: what is made of them is as new as the count it was made at.
ALTER TABLE users ADD COLUMN fact_version bigint NOT NULL DEFAULT 0;

CREATE TABLE facts (
    formation_id  text NOT NULL REFERENCES formations (id),
    id            text NOT NULL,
    user_id       text NOT NULL,
    -- Dotted; a dot within a key has a backslash before it.
    path          text NOT NULL,
    -- set, add, remove or delete.
    op            text NOT NULL,
    -- JSON in one written form, so that equal values are equal texts on both engines.
    value         text NOT NULL,
    source        text NOT NULL,
    importance    double precision NOT NULL,
    confidence    double precision NOT NULL,
    -- First said, last said, how often, and when it was stored.
    observed_at   timestamptz NOT NULL,
    last_at       timestamptz NOT NULL,
    times         bigint NOT NULL,
    written_at    timestamptz NOT NULL,
    -- The ids of the messages it rests on, with spaces between them.
    evidence      text NOT NULL,
    -- NULL while it holds.
    superseded_at timestamptz,
    superseded_by text,
    PRIMARY KEY (formation_id, id),
    FOREIGN KEY (formation_id, user_id) REFERENCES users (formation_id, id)
);

-- Only Postgres. Byte for byte, as SQLite compares: the paths below one are then a range.
ALTER TABLE facts ALTER COLUMN path TYPE text COLLATE "C";

CREATE INDEX facts_live ON facts (user_id, formation_id) WHERE superseded_at IS NULL;
CREATE INDEX facts_by_user ON facts (user_id, path, formation_id);

-- What a memory said before it was changed. It goes with its memory.
CREATE TABLE memory_edits (
    formation_id text NOT NULL,
    memory_id    text NOT NULL,
    number       bigint NOT NULL,
    user_id      text NOT NULL,
    text         text NOT NULL,
    importance   double precision NOT NULL,
    metadata     jsonb NOT NULL,
    replaced_at  timestamptz NOT NULL,
    PRIMARY KEY (formation_id, memory_id, number),
    FOREIGN KEY (formation_id, memory_id) REFERENCES memories (formation_id, id) ON DELETE CASCADE,
    FOREIGN KEY (formation_id, user_id) REFERENCES users (formation_id, id)
);

CREATE INDEX memory_edits_by_user ON memory_edits (user_id, formation_id);
