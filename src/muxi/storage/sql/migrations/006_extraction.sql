-- Extraction: what users say about themselves is found behind the message log, and memories that no longer hold are told.

-- The place of a message among all that its user said, from 1. NULL: nothing is looked for in it.
ALTER TABLE messages ADD COLUMN place bigint;

CREATE INDEX messages_by_place ON messages (user_id, place, formation_id) WHERE place IS NOT NULL;

-- How often it was said, what its words come down to, and what it gave way to: another memory, or nothing (empty).
ALTER TABLE memories ADD COLUMN times bigint NOT NULL DEFAULT 1;
ALTER TABLE memories ADD COLUMN text_key text NOT NULL DEFAULT '';
ALTER TABLE memories ADD COLUMN superseded_at timestamptz;
ALTER TABLE memories ADD COLUMN superseded_by text NOT NULL DEFAULT '';

CREATE INDEX memories_by_text ON memories (text_key, user_id, formation_id) WHERE superseded_at IS NULL;

-- How far a user's messages have been read.
CREATE TABLE extractions (
    formation_id   text NOT NULL REFERENCES formations (id),
    user_id        text NOT NULL,
    -- The place of the newest message, and of the last one that was read.
    said           bigint NOT NULL DEFAULT 0,
    watermark      bigint NOT NULL DEFAULT 0,
    -- When the first of those that wait was said, and about how many tokens wait. NULL: none.
    waiting_since  timestamptz,
    waiting_tokens bigint NOT NULL DEFAULT 0,
    -- The time that was given to the last thing found: what is said later is later, whatever the clock says.
    heard_until    timestamptz,
    -- Set: nothing is looked for.
    opted_out_at   timestamptz,
    -- Who works on it, and until when nobody else does.
    leased_by      text NOT NULL DEFAULT '',
    leased_until   timestamptz,
    -- How often the batch has failed, why, and when it is tried again.
    tries          bigint NOT NULL DEFAULT 0,
    error          text NOT NULL DEFAULT '',
    next_try_at    timestamptz,
    -- How many model calls were made on which day (UTC).
    spent_on       text NOT NULL DEFAULT '',
    spent          bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (formation_id, user_id),
    FOREIGN KEY (formation_id, user_id) REFERENCES users (formation_id, id)
);

CREATE INDEX extractions_waiting ON extractions (waiting_since, formation_id) WHERE waiting_since IS NOT NULL;

-- Dead letters: messages that could not be read, until somebody has them read again.
CREATE TABLE extraction_failures (
    formation_id text NOT NULL REFERENCES formations (id),
    id           text NOT NULL,
    user_id      text NOT NULL,
    first_place  bigint NOT NULL,
    last_place   bigint NOT NULL,
    code         text NOT NULL,
    message      text NOT NULL,
    tries        bigint NOT NULL,
    failed_at    timestamptz NOT NULL,
    PRIMARY KEY (formation_id, id),
    FOREIGN KEY (formation_id, user_id) REFERENCES users (formation_id, id)
);

CREATE INDEX extraction_failures_by_user ON extraction_failures (user_id, formation_id);

-- A short text about the user, in two tiers: identity and current.
CREATE TABLE synopses (
    formation_id text NOT NULL REFERENCES formations (id),
    user_id      text NOT NULL,
    tier         text NOT NULL,
    text         text NOT NULL,
    -- Hash of the facts that it was made of: it says what holds as long as theirs is the same.
    basis        text NOT NULL,
    -- What wrote it; empty: the template.
    model        text NOT NULL,
    made_at      timestamptz NOT NULL,
    PRIMARY KEY (formation_id, user_id, tier),
    FOREIGN KEY (formation_id, user_id) REFERENCES users (formation_id, id)
);

CREATE INDEX synopses_by_user ON synopses (user_id, formation_id);
