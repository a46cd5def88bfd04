SELECT t.`canonical_segment_id`, t.`value`, i.`type`, i.`value`
FROM `ps`.`user_traits` t
LEFT JOIN `ps`.`user_identifiers` i ON i.`canonical_segment_id` = t.`canonical_segment_id` AND i.`type` IN ('user_id', 'anonymous_id', 'email')
LEFT JOIN `ps`.`profile_merges` m ON m.`segment_id` = t.`canonical_segment_id` AND m.`canonical_segment_id` <> m.`segment_id`
WHERE t.`name` = :p1 AND m.`segment_id` IS NULL
ORDER BY t.`canonical_segment_id`, t.`seq`, i.`seq`, i.`type`, i.`value`;

-- which version there is
SELECT a.newest, b.newest, c.newest, a.entries, b.entries, c.entries, a.seq
FROM (SELECT unix_micros(CAST(MAX(t.`uuid_ts`) AS TIMESTAMP)) AS newest, COUNT(*) AS entries, MAX(t.`seq`) AS seq FROM `ps`.`user_traits` t WHERE t.`name` = :p1) a
CROSS JOIN (SELECT unix_micros(CAST(MAX(i.`uuid_ts`) AS TIMESTAMP)) AS newest, COUNT(*) AS entries FROM `ps`.`user_identifiers` i) b
CROSS JOIN (SELECT unix_micros(CAST(MAX(m.`uuid_ts`) AS TIMESTAMP)) AS newest, COUNT(*) AS entries FROM `ps`.`profile_merges` m) c;

-- as diff: warehouse has it compared
SELECT t.`canonical_segment_id` AS `profile`, t.`value` AS `value`, i.`type` AS `kind`, i.`value` AS `id`, t.`seq` AS `sorted`, i.`seq` AS `sorted2`
FROM `ps`.`user_traits` t
LEFT JOIN `ps`.`user_identifiers` i ON i.`canonical_segment_id` = t.`canonical_segment_id` AND i.`type` IN ('user_id', 'anonymous_id', 'email')
LEFT JOIN `ps`.`profile_merges` m ON m.`segment_id` = t.`canonical_segment_id` AND m.`canonical_segment_id` <> m.`segment_id`
WHERE t.`name` = :p1 AND m.`segment_id` IS NULL;
