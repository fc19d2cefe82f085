-- Few of a user's memories are statements that were found: whoever looks for what they contradict reads only these.

CREATE INDEX memories_found ON memories (user_id, id, formation_id) WHERE kind = 'found' AND superseded_at IS NULL;
