-- Formations: one row a tenant, made when it is first opened.

-- name: add_formation!
-- Made once; a second opening finds it.
INSERT INTO formations (id, created_at, hash_key)
VALUES (:formation_id, :created_at, :hash_key)
ON CONFLICT DO NOTHING;

-- name: formation^
SELECT hash_key, embedding_model, embedding_dimension FROM formations WHERE id = :formation_id;

-- name: claim_embedding!
-- The first vector decides the formation's model; later ones must match it.
UPDATE formations SET embedding_model = :model, embedding_dimension = :dimension
WHERE id = :formation_id AND embedding_model IS NULL;

-- name: change_embedding!
-- Only re-embedding changes the model of a formation that has one.
UPDATE formations SET embedding_model = :model, embedding_dimension = :dimension WHERE id = :formation_id;
