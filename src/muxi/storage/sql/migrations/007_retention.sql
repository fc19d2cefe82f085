-- Retention: what ends by itself, and who clears it away.

-- From then on it is not recalled, and soon after it is removed. NULL: it stays.
ALTER TABLE memories ADD COLUMN expires_at timestamptz;

CREATE INDEX memories_by_expiry ON memories (expires_at, formation_id) WHERE expires_at IS NOT NULL;
-- What is too old is found by these, oldest first.
CREATE INDEX memories_by_age ON memories (created_at, formation_id);
CREATE INDEX messages_by_age ON messages (created_at, formation_id);
CREATE INDEX facts_by_age ON facts (last_at, formation_id);

-- One process of all sweeps a formation at a time.
CREATE TABLE sweeps (
    formation_id text NOT NULL REFERENCES formations (id),
    -- Who is at it, and until when nobody else begins.
    held_by      text NOT NULL,
    held_until   timestamptz NOT NULL,
    -- When the last whole sweep ended. NULL: none has yet.
    swept_at     timestamptz,
    PRIMARY KEY (formation_id)
);
