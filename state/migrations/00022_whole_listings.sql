-- When a source was last listed whole and everything in it was read: until that is a day
-- ago, only its newest folders are listed.
ALTER TABLE source_reads ADD COLUMN whole_at INTEGER;
ALTER TABLE source_reads ADD COLUMN whole_of TEXT;   -- which place was listed, and since when
ALTER TABLE source_reads ADD COLUMN whole_day INTEGER; -- the newest folder of a day
