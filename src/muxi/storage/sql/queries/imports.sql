-- What comes from elsewhere, and is stored once.

-- name: imported_before
-- Which of these requests have stored their message already.
SELECT request_key FROM messages
WHERE formation_id || '' = :formation_id AND request_key = :request_key
  AND user_id IN (SELECT id FROM users WHERE formation_id = :formation_id AND canonical_id = :user_id);

-- name: hold_session^
-- The user is named beside it. Whoever else writes to the session waits.
UPDATE sessions SET next_seq = next_seq
WHERE formation_id = :formation_id AND id = :session_id
RETURNING last_at, next_seq;

-- name: began!
-- The user is named beside it. One that was made for what was said long ago.
UPDATE sessions SET started_at = :at, last_at = :at
WHERE formation_id = :formation_id AND id = :session_id AND next_seq = 1;

-- name: last_used!
-- The user is named beside it. What was said long ago is not what was said last.
UPDATE sessions SET last_at = :last_at
WHERE formation_id = :formation_id AND id = :session_id AND last_at < :last_at;
