-- Packed memories say of which model their vectors are. Those that do not are made anew.

DELETE FROM memory_segments;

ALTER TABLE memory_segments ADD COLUMN model text NOT NULL DEFAULT '';
