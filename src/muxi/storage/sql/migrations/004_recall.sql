-- Recall: the vector of each memory with those just before it in its session, and what is read out of its text.

-- NULL until it is made, behind the answer; NULL again when one of the texts in it changes or goes.
ALTER TABLE memories ADD COLUMN window_embedding bytea;
-- Words, days and marks of the text, as numbers. NULL: they are read from the text.
ALTER TABLE memories ADD COLUMN traits bytea;

CREATE INDEX memories_to_place ON memories (id, formation_id) WHERE window_embedding IS NULL;
-- What comes before and after a memory in its session; those without a user have an owner in it, too.
CREATE INDEX memories_by_place ON memories (coalesce(user_id, ''), session_id, seq, id, formation_id);
