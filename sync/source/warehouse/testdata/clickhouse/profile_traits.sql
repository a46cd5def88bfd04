SELECT t.profile, t.value, i.kind, i.id
FROM (SELECT t.`canonical_segment_id` AS profile, t.`3_views` AS value, t.`uuid_ts` AS seq FROM `ps`.`profile_traits` t WHERE t.`3_views` IS NOT NULL AND (t.`merged_to` IS NULL OR t.`merged_to` = '')) t
LEFT JOIN (SELECT i.`canonical_segment_id` AS owner, i.`external_id_type` AS kind, i.`external_id_value` AS id, i.`timestamp` AS seq FROM `ps`.`external_id_mapping` i WHERE i.`external_id_type` IN ('user_id', 'anonymous_id', 'email')) i ON i.owner = t.profile
ORDER BY t.profile, t.seq NULLS FIRST, i.seq, i.kind, i.id;

-- as diff: warehouse has it compared
SELECT t.profile AS `profile`, CASE WHEN t.value THEN 'true' WHEN NOT t.value THEN 'false' END AS `value`, i.kind AS `kind`, i.id AS `id`, t.seq AS `sorted`, i.seq AS `sorted2`
FROM (SELECT t.`canonical_segment_id` AS profile, t.`3_views` AS value, t.`uuid_ts` AS seq FROM `ps`.`profile_traits` t WHERE t.`3_views` IS NOT NULL AND (t.`merged_to` IS NULL OR t.`merged_to` = '')) t
LEFT JOIN (SELECT i.`canonical_segment_id` AS owner, i.`external_id_type` AS kind, i.`external_id_value` AS id, i.`timestamp` AS seq FROM `ps`.`external_id_mapping` i WHERE i.`external_id_type` IN ('user_id', 'anonymous_id', 'email')) i ON i.owner = t.profile;
