SELECT t.`canonical_segment_id`, t.`3_views`, i.`external_id_type`, i.`external_id_value`
FROM `ps`.`profile_traits` t
LEFT JOIN `ps`.`external_id_mapping` i ON i.`canonical_segment_id` = t.`canonical_segment_id` AND i.`external_id_type` IN ('user_id', 'anonymous_id', 'email')
WHERE t.`3_views` IS NOT NULL AND (t.`merged_to` IS NULL OR t.`merged_to` = '')
ORDER BY t.`canonical_segment_id`, t.`uuid_ts`, i.`timestamp`, i.`external_id_type`, i.`external_id_value`;

-- as diff: warehouse has it compared
SELECT t.`canonical_segment_id` AS `profile`, CASE WHEN t.`3_views` THEN 'true' WHEN NOT t.`3_views` THEN 'false' END AS `value`, i.`external_id_type` AS `kind`, i.`external_id_value` AS `id`, t.`uuid_ts` AS `sorted`, i.`timestamp` AS `sorted2`
FROM `ps`.`profile_traits` t
LEFT JOIN `ps`.`external_id_mapping` i ON i.`canonical_segment_id` = t.`canonical_segment_id` AND i.`external_id_type` IN ('user_id', 'anonymous_id', 'email')
WHERE t.`3_views` IS NOT NULL AND (t.`merged_to` IS NULL OR t.`merged_to` = '');
