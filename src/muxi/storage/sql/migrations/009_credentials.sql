-- Credentials of users for outside services, sealed: what is stored opens only with a master key, which is not here.

-- One for each user who has stored something; users who were merged keep their own.
CREATE TABLE data_keys (
    formation_id  text NOT NULL,
    user_id       text NOT NULL,
    -- Which master key opens it.
    master_key_id text NOT NULL,
    -- In base64, as all that is sealed.
    wrapped       text NOT NULL,
    wrapped_at    timestamptz NOT NULL,
    PRIMARY KEY (formation_id, user_id),
    FOREIGN KEY (formation_id, user_id) REFERENCES users (formation_id, id)
);

CREATE TABLE credentials (
    formation_id text NOT NULL,
    user_id      text NOT NULL,
    service      text NOT NULL,
    name         text NOT NULL,
    id           text NOT NULL,
    secret       text NOT NULL,
    preview      text NOT NULL,
    metadata     jsonb NOT NULL,
    created_at   timestamptz NOT NULL,
    updated_at   timestamptz NOT NULL,
    last_used_at timestamptz,
    expires_at   timestamptz,
    PRIMARY KEY (formation_id, user_id, service, name),
    FOREIGN KEY (formation_id, user_id) REFERENCES data_keys (formation_id, user_id)
);

CREATE UNIQUE INDEX credentials_by_id ON credentials (formation_id, id);
