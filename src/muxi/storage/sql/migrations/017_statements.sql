-- Few of a user's memories are statements that were found: whoever looks for what they contradict reads only these.

-- A split looks for what gave way to another user's, and few memories gave way at all.
CREATE INDEX memories_superseded ON memories (user_id, superseded_by, formation_id) WHERE superseded_by <> '';

CREATE INDEX memories_found ON memories (user_id, id, formation_id) WHERE kind = 'found' AND superseded_at IS NULL;
