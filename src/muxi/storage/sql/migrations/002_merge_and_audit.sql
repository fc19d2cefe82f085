-- Identity that can be trusted: merges that can be undone, and an audit that cannot be changed unseen.

-- The audit's head: how many rows there are, and the last one's hash.
ALTER TABLE formations ADD COLUMN audit_seq bigint NOT NULL DEFAULT 0;
ALTER TABLE formations ADD COLUMN audit_hash text NOT NULL DEFAULT '';

CREATE TABLE audit (
    formation_id text NOT NULL REFERENCES formations (id),
    seq          bigint NOT NULL,
    at           timestamptz NOT NULL,
    actor        text NOT NULL,
    action       text NOT NULL,
    user_id      text,
    details      jsonb NOT NULL,
    -- SHA-256 over the row and the hash before it.
    hash         text NOT NULL,
    PRIMARY KEY (formation_id, seq)
);

CREATE INDEX audit_by_user ON audit (formation_id, user_id, seq);

CREATE TABLE merges (
    formation_id text NOT NULL REFERENCES formations (id),
    id           text NOT NULL,
    survivor_id  text NOT NULL,
    merged_at    timestamptz NOT NULL,
    merged_by    text NOT NULL,
    split_at     timestamptz,
    PRIMARY KEY (formation_id, id),
    FOREIGN KEY (formation_id, survivor_id) REFERENCES users (formation_id, id)
);

CREATE INDEX merges_by_survivor ON merges (formation_id, survivor_id);

-- Which users a merge moved, and whom each of them stood under before: what a split puts back.
CREATE TABLE merge_members (
    formation_id text NOT NULL,
    merge_id     text NOT NULL,
    user_id      text NOT NULL,
    stood_under  text NOT NULL,
    PRIMARY KEY (formation_id, merge_id, user_id),
    FOREIGN KEY (formation_id, merge_id) REFERENCES merges (formation_id, id),
    FOREIGN KEY (formation_id, user_id) REFERENCES users (formation_id, id)
);
