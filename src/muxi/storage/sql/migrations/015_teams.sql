-- Teams: what several users share. A team owns memories and facts as a user does, so it has a row among the users.

-- person or team. A team has no identifiers, is never merged, and stands in no list of users.
ALTER TABLE users ADD COLUMN kind text NOT NULL DEFAULT 'person';

CREATE TABLE teams (
    formation_id text NOT NULL,
    -- Of its row among the users.
    id           text NOT NULL,
    name         text NOT NULL,
    -- The name, case-folded: two teams of a formation do not differ by capitals alone.
    name_key     text NOT NULL,
    created_at   timestamptz NOT NULL,
    created_by   text NOT NULL,
    PRIMARY KEY (formation_id, id),
    FOREIGN KEY (formation_id, id) REFERENCES users (formation_id, id)
);

CREATE UNIQUE INDEX teams_by_name ON teams (name_key, formation_id);

-- Under the id that a user had when they joined: a merge adds, and a split takes back.
CREATE TABLE team_members (
    formation_id text NOT NULL,
    team_id      text NOT NULL,
    user_id      text NOT NULL,
    -- member or manager.
    role         text NOT NULL,
    joined_at    timestamptz NOT NULL,
    PRIMARY KEY (formation_id, team_id, user_id),
    FOREIGN KEY (formation_id, team_id) REFERENCES teams (formation_id, id),
    FOREIGN KEY (formation_id, user_id) REFERENCES users (formation_id, id)
);

CREATE INDEX team_members_by_user ON team_members (user_id, formation_id);

-- Who shared it with a team. NULL: a user's own memory, or its author was erased.
ALTER TABLE memories ADD COLUMN author_id text;

CREATE INDEX memories_by_author ON memories (author_id, formation_id) WHERE author_id IS NOT NULL;
