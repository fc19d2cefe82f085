-- A formation's embedding model is changed while it serves: the vectors of the new model are made beside the old ones, and
-- put in their place when all are there.

CREATE TABLE new_embeddings (
    formation_id text NOT NULL,
    memory_id    text NOT NULL,
    model        text NOT NULL,
    -- Of the text that was embedded: what was changed since is embedded again.
    text_hash    text NOT NULL,
    embedding    bytea NOT NULL,
    PRIMARY KEY (formation_id, memory_id, model),
    -- Whatever deletes a memory deletes what was made of it.
    FOREIGN KEY (formation_id, memory_id) REFERENCES memories (formation_id, id) ON DELETE CASCADE
);
