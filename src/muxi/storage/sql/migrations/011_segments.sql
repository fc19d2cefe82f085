-- Recall: what the index of a user's memories holds, in blocks that are read at once. Made anew from the memories; without
-- their texts, and deleted with the first of them that is.

CREATE TABLE memory_segments (
    formation_id text NOT NULL,
    user_id      text NOT NULL,
    -- The count of the user's writes (users.memory_version) up to which it holds what changed since the one before it.
    upto         bigint NOT NULL,
    held         bigint NOT NULL,
    data         bytea NOT NULL,
    PRIMARY KEY (user_id, upto, formation_id),
    FOREIGN KEY (formation_id, user_id) REFERENCES users (formation_id, id)
);

-- Only Postgres compresses, and these bytes get no smaller.
ALTER TABLE memory_segments ALTER COLUMN data SET STORAGE EXTERNAL;
