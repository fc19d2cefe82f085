-- Requests that may be sent again: whether they are under way, and what they were answered. For a day.

CREATE TABLE repeats (
    formation_id text NOT NULL REFERENCES formations (id),
    -- A hash of who asked, for whom, and by what idempotency key.
    place        text NOT NULL,
    -- A hash of what was asked.
    fingerprint  text NOT NULL,
    -- Who is at it, and until when nobody else may be.
    holder       text NOT NULL,
    held_until   timestamptz NOT NULL,
    -- The answer, sealed under the idempotency key and the caller's own key, neither of which is here.
    sealed       bytea,
    -- Whom the answer is about, if that is known.
    user_id      text,
    ends_at      timestamptz NOT NULL,
    PRIMARY KEY (place, formation_id),
    FOREIGN KEY (formation_id, user_id) REFERENCES users (formation_id, id)
);

CREATE INDEX repeats_by_user ON repeats (user_id, formation_id) WHERE user_id IS NOT NULL;
CREATE INDEX repeats_by_end ON repeats (formation_id, ends_at);
