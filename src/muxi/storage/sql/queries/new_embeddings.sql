-- New embeddings: the vectors of another model, made while a formation serves with the old ones.

-- name: memories_to_embed_anew
-- Of everybody. Those with neither a vector of this model nor one beside.
SELECT m.id, m.user_id, m.text FROM memories m
WHERE m.formation_id = :formation_id AND m.id > :after
  AND (m.embedding_model IS NULL OR m.embedding_model <> :model)
  AND NOT EXISTS (
    SELECT 1 FROM new_embeddings n
    WHERE n.formation_id = :formation_id AND n.memory_id = m.id AND n.model = :model)
ORDER BY m.id
LIMIT :limit;

-- name: count_new_embeddings$
-- Of everybody.
SELECT count(*) FROM new_embeddings WHERE formation_id = :formation_id AND model = :model;

-- name: add_new_embedding!
-- Of everybody. Of what was deleted meanwhile there is nothing to keep.
INSERT INTO new_embeddings (formation_id, memory_id, model, text_hash, embedding)
SELECT formation_id, id, :model, :text_hash, :embedding FROM memories
WHERE formation_id = :formation_id AND id = :id
ON CONFLICT DO NOTHING;

-- name: new_embeddings
-- Of everybody. Those that are not in their place yet, with the memories they are of.
SELECT m.id, m.user_id, m.text, n.text_hash, n.embedding
FROM new_embeddings n JOIN memories m ON m.formation_id = n.formation_id AND m.id = n.memory_id
WHERE n.formation_id = :formation_id AND n.model = :model AND n.memory_id > :after
  AND (m.embedding_model IS NULL OR m.embedding_model <> :model)
ORDER BY n.memory_id
LIMIT :limit;

-- name: forget_new_embeddings!
-- Of everybody.
DELETE FROM new_embeddings WHERE formation_id = :formation_id;

-- name: forget_segments_of_other_models!
-- Of everybody.
DELETE FROM memory_segments WHERE formation_id = :formation_id AND model <> :model;
