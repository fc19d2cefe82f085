-- Privacy: everything of a canonical user and of those merged into it, erased, exported and restored.
--
-- Where a table has an index that begins with the user, the formation is compared as formation_id || '': SQLite would
-- take the front of the primary key instead, and read the whole formation. CROSS JOIN keeps the order of a join there.

-- name: keep_sessions!
-- Of everybody.
-- After a merge and a split, a session of one can hold messages of the other: it goes to whose messages remain.
UPDATE sessions SET key = 'kept:' || id, name = '', metadata = NULL, user_id = (
    SELECT min(m.user_id) FROM messages m
    WHERE m.formation_id = :formation_id AND m.session_id = sessions.id AND m.user_id NOT IN (SELECT id FROM users WHERE formation_id = :formation_id AND canonical_id = :user_id))
WHERE formation_id || '' = :formation_id
  AND user_id IN (SELECT id FROM users WHERE formation_id || '' = :formation_id AND canonical_id = :user_id)
  AND EXISTS (
    SELECT 1 FROM messages m
    WHERE m.formation_id = :formation_id AND m.session_id = sessions.id AND m.user_id NOT IN (SELECT id FROM users WHERE formation_id = :formation_id AND canonical_id = :user_id));

-- name: erase_buffer_clears!
DELETE FROM buffer_clears
WHERE formation_id = :formation_id
  AND session_id IN (
    SELECT id FROM sessions WHERE formation_id || '' = :formation_id
      AND user_id IN (SELECT id FROM users WHERE formation_id = :formation_id AND canonical_id = :user_id));

-- name: erase_messages!
DELETE FROM messages
WHERE formation_id || '' = :formation_id
  AND user_id IN (SELECT id FROM users WHERE formation_id = :formation_id AND canonical_id = :user_id);

-- name: erase_memories!
DELETE FROM memories
WHERE formation_id || '' = :formation_id
  AND user_id IN (SELECT id FROM users WHERE formation_id = :formation_id AND canonical_id = :user_id);

-- name: erase_memory_edits!
DELETE FROM memory_edits
WHERE formation_id = :formation_id
  AND user_id IN (SELECT id FROM users WHERE formation_id = :formation_id AND canonical_id = :user_id);

-- name: erase_facts!
DELETE FROM facts
WHERE formation_id = :formation_id
  AND user_id IN (SELECT id FROM users WHERE formation_id = :formation_id AND canonical_id = :user_id);

-- name: erase_extractions!
DELETE FROM extractions
WHERE formation_id = :formation_id
  AND user_id IN (SELECT id FROM users WHERE formation_id = :formation_id AND canonical_id = :user_id);

-- name: erase_extraction_failures!
DELETE FROM extraction_failures
WHERE formation_id = :formation_id
  AND user_id IN (SELECT id FROM users WHERE formation_id = :formation_id AND canonical_id = :user_id);

-- name: erase_synopses!
DELETE FROM synopses
WHERE formation_id = :formation_id
  AND user_id IN (SELECT id FROM users WHERE formation_id = :formation_id AND canonical_id = :user_id);

-- name: erase_sessions!
DELETE FROM sessions
WHERE formation_id || '' = :formation_id
  AND user_id IN (SELECT id FROM users WHERE formation_id = :formation_id AND canonical_id = :user_id);

-- name: erase_agent_defaults!
DELETE FROM agent_defaults
WHERE formation_id = :formation_id
  AND user_id IN (SELECT id FROM users WHERE formation_id = :formation_id AND canonical_id = :user_id);

-- name: erase_api_keys!
-- They acted for the user and for nobody else.
DELETE FROM api_keys
WHERE formation_id || '' = :formation_id
  AND user_id IN (SELECT id FROM users WHERE formation_id = :formation_id AND canonical_id = :user_id);

-- name: erase_token_floors!
DELETE FROM token_floors
WHERE formation_id = :formation_id
  AND user_id IN (SELECT id FROM users WHERE formation_id = :formation_id AND canonical_id = :user_id);

-- name: erase_credentials!
DELETE FROM credentials
WHERE formation_id = :formation_id
  AND user_id IN (SELECT id FROM users WHERE formation_id = :formation_id AND canonical_id = :user_id);

-- name: erase_data_keys!
-- What was sealed under them opens nowhere any more, whatever copies of it there are without them.
DELETE FROM data_keys
WHERE formation_id = :formation_id
  AND user_id IN (SELECT id FROM users WHERE formation_id = :formation_id AND canonical_id = :user_id);

-- name: erase_memory_segments!
DELETE FROM memory_segments
WHERE formation_id = :formation_id
  AND user_id IN (SELECT id FROM users WHERE formation_id = :formation_id AND canonical_id = :user_id);

-- name: erase_repeats!
DELETE FROM repeats
WHERE formation_id || '' = :formation_id
  AND user_id IN (SELECT id FROM users WHERE formation_id = :formation_id AND canonical_id = :user_id);

-- name: erase_verifications!
-- The user's own, and whatever others have asked for about the user's identifiers.
DELETE FROM verifications
WHERE formation_id = :formation_id
  AND (
    user_id IN (SELECT id FROM users WHERE formation_id = :formation_id AND canonical_id = :user_id)
    OR (value, type) IN (
        SELECT i.value, i.type FROM users u CROSS JOIN identifiers i
        WHERE u.formation_id = :formation_id AND u.canonical_id = :user_id
          AND i.formation_id = :formation_id AND i.user_id = u.id));

-- name: erase_claims!
DELETE FROM claims
WHERE formation_id = :formation_id
  AND user_id IN (SELECT id FROM users WHERE formation_id = :formation_id AND canonical_id = :user_id);

-- name: teams_with_words_of
-- Of everybody.
SELECT DISTINCT m.user_id FROM users u CROSS JOIN memories m
WHERE u.formation_id = :formation_id AND u.canonical_id = :user_id
  AND m.formation_id || '' = :formation_id AND m.author_id = u.id
ORDER BY m.user_id;

-- name: forget_author!
-- Of everybody. What they have shared stays with its teams, which they may have left, without their name.
UPDATE memories SET author_id = NULL
WHERE formation_id || '' = :formation_id
  AND author_id IN (SELECT id FROM users WHERE formation_id = :formation_id AND canonical_id = :user_id);

-- name: erase_team_members!
DELETE FROM team_members
WHERE formation_id || '' = :formation_id
  AND user_id IN (SELECT id FROM users WHERE formation_id = :formation_id AND canonical_id = :user_id);

-- name: erase_identifiers!
DELETE FROM identifiers
WHERE formation_id = :formation_id
  AND user_id IN (SELECT id FROM users WHERE formation_id = :formation_id AND canonical_id = :user_id);

-- name: merges_concerned
SELECT m.merge_id FROM users u CROSS JOIN merge_members m
WHERE u.formation_id = :formation_id AND u.canonical_id = :user_id
  AND m.formation_id || '' = :formation_id AND m.user_id = u.id
UNION
SELECT g.id FROM merges g
WHERE g.formation_id = :formation_id
  AND g.survivor_id IN (SELECT id FROM users WHERE formation_id = :formation_id AND canonical_id = :user_id);

-- name: erase_merge_members!
-- A merge that was split can name others, too: theirs go with a survivor who is erased.
DELETE FROM merge_members
WHERE formation_id = :formation_id AND merge_id = :merge_id
  AND (user_id IN (SELECT id FROM users WHERE formation_id = :formation_id AND canonical_id = :user_id)
    OR stood_under IN (SELECT id FROM users WHERE formation_id = :formation_id AND canonical_id = :user_id)
    OR merge_id IN (SELECT id FROM merges WHERE formation_id = :formation_id AND id = :merge_id
      AND survivor_id IN (SELECT id FROM users WHERE formation_id = :formation_id AND canonical_id = :user_id)));

-- name: erase_merges!
DELETE FROM merges
WHERE formation_id = :formation_id AND id = :merge_id
  AND NOT EXISTS (
    SELECT 1 FROM merge_members m WHERE m.formation_id = :formation_id AND m.merge_id = :merge_id);

-- name: erase_users!
-- Last, and in one statement: they point to each other.
DELETE FROM users
WHERE formation_id = :formation_id AND canonical_id = :user_id;

-- name: export_users
SELECT id, canonical_id, created_at, disabled_at FROM users
WHERE formation_id = :formation_id AND canonical_id = :user_id
ORDER BY CASE WHEN id = :user_id THEN 0 ELSE 1 END, id;

-- name: export_identifiers
SELECT value, type, user_id, shown, linked_at, linked_by, verified_at, verified_by, expires_at FROM identifiers
WHERE formation_id = :formation_id
  AND user_id IN (SELECT id FROM users WHERE formation_id = :formation_id AND canonical_id = :user_id)
ORDER BY linked_at, shown, type;

-- name: export_sessions
-- Of everybody. With those of others in which there are messages of this user: as erasing their owner would leave them.
SELECT s.id, s.user_id, s.key, s.name, s.channel, s.started_at, s.last_at, s.next_seq,
    s.metadata, s.ended_at, s.expires_at, s.idle_s
FROM sessions s
WHERE s.formation_id || '' = :formation_id
  AND s.user_id IN (SELECT id FROM users WHERE formation_id = :formation_id AND canonical_id = :user_id)
UNION ALL
SELECT s.id, :user_id, 'kept:' || s.id, '', s.channel, s.started_at, s.last_at, s.next_seq,
    NULL, s.ended_at, s.expires_at, s.idle_s
FROM sessions s
WHERE s.formation_id = :formation_id
  AND s.id IN (SELECT m.session_id FROM messages m WHERE m.formation_id || '' = :formation_id
    AND m.user_id IN (SELECT id FROM users WHERE formation_id = :formation_id AND canonical_id = :user_id))
  AND s.user_id NOT IN (SELECT id FROM users WHERE formation_id = :formation_id AND canonical_id = :user_id);

-- name: export_messages
SELECT session_id, seq, id, user_id, role, text, agent_id, metadata, created_at, request_key, place FROM messages
WHERE formation_id || '' = :formation_id
  AND user_id IN (SELECT id FROM users WHERE formation_id = :formation_id AND canonical_id = :user_id)
ORDER BY session_id, seq;

-- name: export_buffer_clears
SELECT c.session_id, c.agent_id, c.through_seq
FROM buffer_clears c
WHERE c.formation_id = :formation_id AND c.session_id IN (
    SELECT s.id FROM sessions s WHERE s.formation_id || '' = :formation_id
      AND s.user_id IN (SELECT id FROM users WHERE formation_id = :formation_id AND canonical_id = :user_id))
ORDER BY c.session_id, c.agent_id;

-- name: export_memories
-- Without vectors: they are made anew.
SELECT id, user_id, kind, text, importance, channel, agent_id, session_id, seq, said_at, created_at, metadata,
    request_key, expires_at, times, superseded_at, superseded_by
FROM memories
WHERE formation_id || '' = :formation_id
  AND user_id IN (SELECT id FROM users WHERE formation_id = :formation_id AND canonical_id = :user_id)
ORDER BY user_id, id;

-- name: export_extractions
SELECT user_id, said, watermark, waiting_since, waiting_tokens, heard_until, opted_out_at FROM extractions
WHERE formation_id = :formation_id
  AND user_id IN (SELECT id FROM users WHERE formation_id = :formation_id AND canonical_id = :user_id)
ORDER BY user_id;

-- name: export_extraction_failures
SELECT id, user_id, first_place, last_place, code, message, tries, failed_at FROM extraction_failures
WHERE formation_id = :formation_id
  AND user_id IN (SELECT id FROM users WHERE formation_id = :formation_id AND canonical_id = :user_id)
ORDER BY id;

-- name: export_synopses
SELECT user_id, tier, text, basis, model, made_at FROM synopses
WHERE formation_id = :formation_id
  AND user_id IN (SELECT id FROM users WHERE formation_id = :formation_id AND canonical_id = :user_id)
ORDER BY user_id, tier;

-- name: export_memory_edits
SELECT memory_id, number, user_id, text, importance, metadata, replaced_at FROM memory_edits
WHERE formation_id = :formation_id
  AND user_id IN (SELECT id FROM users WHERE formation_id = :formation_id AND canonical_id = :user_id)
ORDER BY memory_id, number;

-- name: export_facts
SELECT id, user_id, path, op, value, source, importance, confidence, observed_at, last_at, times, written_at, evidence,
    superseded_at, superseded_by
FROM facts
WHERE formation_id = :formation_id
  AND user_id IN (SELECT id FROM users WHERE formation_id = :formation_id AND canonical_id = :user_id)
ORDER BY observed_at, id;

-- name: export_agent_defaults
SELECT user_id, agent_id FROM agent_defaults
WHERE formation_id = :formation_id
  AND user_id IN (SELECT id FROM users WHERE formation_id = :formation_id AND canonical_id = :user_id)
ORDER BY user_id;

-- name: export_data_keys
SELECT user_id, master_key_id, wrapped, wrapped_at FROM data_keys
WHERE formation_id = :formation_id
  AND user_id IN (SELECT id FROM users WHERE formation_id = :formation_id AND canonical_id = :user_id)
ORDER BY user_id;

-- name: export_credentials
-- Sealed: worthless without the master key, which is not in the database.
SELECT user_id, service, name, id, secret, preview, metadata, created_at, updated_at, last_used_at, expires_at
FROM credentials
WHERE formation_id = :formation_id
  AND user_id IN (SELECT id FROM users WHERE formation_id = :formation_id AND canonical_id = :user_id)
ORDER BY user_id, service, name;

-- name: export_merges
-- Not those that were split from others: they name somebody else.
SELECT g.id, g.survivor_id, g.merged_at, g.merged_by, g.split_at FROM merges g
WHERE g.formation_id = :formation_id
  AND g.survivor_id IN (SELECT id FROM users WHERE formation_id = :formation_id AND canonical_id = :user_id)
  AND NOT EXISTS (
    SELECT 1 FROM merge_members m WHERE m.formation_id = :formation_id AND m.merge_id = g.id
      AND (m.user_id NOT IN (SELECT id FROM users WHERE formation_id = :formation_id AND canonical_id = :user_id)
        OR m.stood_under NOT IN (SELECT id FROM users WHERE formation_id = :formation_id AND canonical_id = :user_id)))
ORDER BY g.merged_at, g.id;

-- name: export_merge_members
SELECT o.merge_id, o.user_id, o.stood_under
FROM merges g CROSS JOIN merge_members o
WHERE g.formation_id = :formation_id AND o.formation_id = :formation_id AND o.merge_id = g.id
  AND g.survivor_id IN (SELECT id FROM users WHERE formation_id = :formation_id AND canonical_id = :user_id)
  AND NOT EXISTS (
    SELECT 1 FROM merge_members m WHERE m.formation_id = :formation_id AND m.merge_id = g.id
      AND (m.user_id NOT IN (SELECT id FROM users WHERE formation_id = :formation_id AND canonical_id = :user_id)
        OR m.stood_under NOT IN (SELECT id FROM users WHERE formation_id = :formation_id AND canonical_id = :user_id)))
ORDER BY o.merge_id, o.user_id;

-- name: export_claims
SELECT fingerprint, user_id, claimed_at FROM claims
WHERE formation_id = :formation_id
  AND user_id IN (SELECT id FROM users WHERE formation_id = :formation_id AND canonical_id = :user_id)
ORDER BY claimed_at, fingerprint;

-- name: export_team_members
SELECT team_id, user_id, role, joined_at FROM team_members
WHERE formation_id || '' = :formation_id
  AND user_id IN (SELECT id FROM users WHERE formation_id = :formation_id AND canonical_id = :user_id)
ORDER BY joined_at, team_id;

-- name: export_audit
SELECT seq, at, actor, action, user_id, details FROM audit
WHERE formation_id = :formation_id
  AND user_id IN (SELECT id FROM users WHERE formation_id = :formation_id AND canonical_id = :user_id)
ORDER BY at, seq;

-- name: restore_users*!
INSERT INTO users (formation_id, id, canonical_id, created_at, disabled_at)
VALUES (:formation_id, :id, :canonical_id, :created_at, :disabled_at);

-- name: restore_identifiers*!
INSERT INTO identifiers (formation_id, value, type, user_id, shown, linked_at, linked_by, verified_at, verified_by, expires_at)
VALUES (:formation_id, :value, :type, :user_id, :shown, :linked_at, :linked_by, :verified_at, :verified_by,
    :expires_at);

-- name: restore_sessions*!
INSERT INTO sessions (formation_id, id, user_id, key, name, channel, started_at, last_at, next_seq, metadata, ended_at,
    expires_at, idle_s)
VALUES (:formation_id, :id, :user_id, :key, :name, :channel, :started_at, :last_at, :next_seq, :metadata, :ended_at,
    :expires_at, :idle_s);

-- name: restore_messages*!
INSERT INTO messages (formation_id, session_id, seq, id, user_id, role, text, agent_id, metadata, created_at, request_key,
    place)
VALUES (:formation_id, :session_id, :seq, :id, :user_id, :role, :text, :agent_id, :metadata, :created_at, :request_key,
    :place);

-- name: restore_buffer_clears*!
-- The user is named beside it.
INSERT INTO buffer_clears (formation_id, session_id, agent_id, through_seq)
VALUES (:formation_id, :session_id, :agent_id, :through_seq);

-- name: restore_memories*!
INSERT INTO memories (formation_id, id, user_id, kind, text, importance, channel, agent_id, session_id, seq, said_at, created_at,
    metadata, request_key, expires_at, times, superseded_at, superseded_by, text_key, version)
VALUES (:formation_id, :id, :user_id, :kind, :text, :importance, :channel, :agent_id, :session_id, :seq, :said_at,
    :created_at, :metadata, :request_key, :expires_at, :times, :superseded_at, :superseded_by, :text_key, :version);

-- name: restore_extractions*!
INSERT INTO extractions (formation_id, user_id, said, watermark, waiting_since, waiting_tokens, heard_until, opted_out_at)
VALUES (:formation_id, :user_id, :said, :watermark, :waiting_since, :waiting_tokens, :heard_until, :opted_out_at);

-- name: restore_extraction_failures*!
INSERT INTO extraction_failures (formation_id, id, user_id, first_place, last_place, code, message, tries, failed_at)
VALUES (:formation_id, :id, :user_id, :first_place, :last_place, :code, :message, :tries, :failed_at);

-- name: restore_synopses*!
INSERT INTO synopses (formation_id, user_id, tier, text, basis, model, made_at)
VALUES (:formation_id, :user_id, :tier, :text, :basis, :model, :made_at);

-- name: restore_memory_edits*!
INSERT INTO memory_edits (formation_id, memory_id, number, user_id, text, importance, metadata, replaced_at)
VALUES (:formation_id, :memory_id, :number, :user_id, :text, :importance, :metadata, :replaced_at);

-- name: restore_facts*!
INSERT INTO facts (formation_id, id, user_id, path, op, value, source, importance, confidence, observed_at, last_at,
    times, written_at, evidence, superseded_at, superseded_by)
VALUES (:formation_id, :id, :user_id, :path, :op, :value, :source, :importance, :confidence, :observed_at, :last_at,
    :times, :written_at, :evidence, :superseded_at, :superseded_by);

-- name: restore_agent_defaults*!
INSERT INTO agent_defaults (formation_id, user_id, agent_id)
VALUES (:formation_id, :user_id, :agent_id);

-- name: restore_data_keys*!
INSERT INTO data_keys (formation_id, user_id, master_key_id, wrapped, wrapped_at)
VALUES (:formation_id, :user_id, :master_key_id, :wrapped, :wrapped_at);

-- name: restore_credentials*!
INSERT INTO credentials (formation_id, user_id, service, name, id, secret, preview, metadata, created_at, updated_at,
    last_used_at, expires_at)
VALUES (:formation_id, :user_id, :service, :name, :id, :secret, :preview, :metadata, :created_at, :updated_at,
    :last_used_at, :expires_at);

-- name: restore_merges*!
INSERT INTO merges (formation_id, id, survivor_id, merged_at, merged_by, split_at)
VALUES (:formation_id, :id, :survivor_id, :merged_at, :merged_by, :split_at);

-- name: restore_merge_members*!
INSERT INTO merge_members (formation_id, merge_id, user_id, stood_under)
VALUES (:formation_id, :merge_id, :user_id, :stood_under);

-- name: restore_claims*!
INSERT INTO claims (formation_id, fingerprint, user_id, claimed_at)
VALUES (:formation_id, :fingerprint, :user_id, :claimed_at);

-- name: restore_version!
-- As many as there are memories: the next one gets the next number.
UPDATE users SET memory_version = :version
WHERE formation_id = :formation_id AND id = :user_id;
