SELECT t.profile, t.value, t.gone, i.kind, i.id
FROM (SELECT a.profile AS profile, a.value AS value, a.seq AS seq, g.gone AS gone
FROM (SELECT t.`canonical_segment_id` AS profile, t.`value` AS value, t.`seq` AS seq FROM `ps`.`user_traits` t WHERE t.`name` = @p1) a
LEFT JOIN (SELECT m.`segment_id` AS gone FROM `ps`.`profile_merges` m WHERE m.`canonical_segment_id` <> m.`segment_id`) g ON g.gone = a.profile) t
LEFT JOIN (SELECT i.`canonical_segment_id` AS owner, i.`type` AS kind, i.`value` AS id, i.`seq` AS seq FROM `ps`.`user_identifiers` i WHERE i.`type` IN ('user_id', 'anonymous_id', 'email')) i ON i.owner = t.profile
ORDER BY t.profile, t.seq NULLS FIRST, i.seq, i.kind, i.id;

-- which version there is
SELECT UNIX_MICROS(MAX(t.`uuid_ts`)), COUNT(*), MAX(t.`seq`) FROM `ps`.`user_traits` t WHERE t.`name` = @p1;
SELECT UNIX_MICROS(MAX(i.`uuid_ts`)), COUNT(*) FROM `ps`.`user_identifiers` i;
SELECT UNIX_MICROS(MAX(m.`uuid_ts`)), COUNT(*) FROM `ps`.`profile_merges` m;

-- as diff: warehouse has it compared
SELECT t.profile AS `profile`, t.value AS `value`, t.gone AS `gone`, i.kind AS `kind`, i.id AS `id`, t.seq AS `sorted`, i.seq AS `sorted2`
FROM (SELECT a.profile AS profile, a.value AS value, a.seq AS seq, g.gone AS gone
FROM (SELECT t.`canonical_segment_id` AS profile, t.`value` AS value, t.`seq` AS seq FROM `ps`.`user_traits` t WHERE t.`name` = @p1) a
LEFT JOIN (SELECT m.`segment_id` AS gone FROM `ps`.`profile_merges` m WHERE m.`canonical_segment_id` <> m.`segment_id`) g ON g.gone = a.profile) t
LEFT JOIN (SELECT i.`canonical_segment_id` AS owner, i.`type` AS kind, i.`value` AS id, i.`seq` AS seq FROM `ps`.`user_identifiers` i WHERE i.`type` IN ('user_id', 'anonymous_id', 'email')) i ON i.owner = t.profile;
