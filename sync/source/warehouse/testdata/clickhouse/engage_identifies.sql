SELECT CASE WHEN toString(e1.`user_id`) IS NULL THEN 1 ELSE 0 END, CASE WHEN toString(e1.`user_id`) IS NULL THEN toString(e1.`anonymous_id`) ELSE toString(e1.`user_id`) END, e1.`3_views`, e1.`user_id`, e1.`anonymous_id`, CAST(NULL AS Nullable(String)), e1.`timestamp`, e1.`received_at`, e1.`id`
FROM `engage_default`.`identifies` e1
LEFT JOIN (SELECT DISTINCT toString(e1.`anonymous_id`) AS visitor FROM `engage_default`.`identifies` e1 WHERE toString(e1.`user_id`) IS NOT NULL AND toString(e1.`anonymous_id`) IS NOT NULL) ke1 ON toString(e1.`user_id`) IS NULL AND ke1.visitor = toString(e1.`anonymous_id`)
WHERE ke1.visitor IS NULL AND e1.`3_views` IS NOT NULL
ORDER BY 1, 2, 7, 8, 9;

-- as diff: warehouse has it compared
SELECT CASE WHEN toString(e1.`user_id`) IS NULL THEN 1 ELSE 0 END AS `profile`, CASE WHEN toString(e1.`user_id`) IS NULL THEN toString(e1.`anonymous_id`) ELSE toString(e1.`user_id`) END AS `profile2`, CASE WHEN e1.`3_views` THEN 'true' WHEN NOT e1.`3_views` THEN 'false' END AS `value`, e1.`user_id` AS `user_id`, e1.`anonymous_id` AS `anonymous_id`, CAST(NULL AS Nullable(String)) AS `email`, e1.`timestamp` AS `sorted`, e1.`received_at` AS `sorted2`, e1.`id` AS `sorted3`
FROM `engage_default`.`identifies` e1
LEFT JOIN (SELECT DISTINCT toString(e1.`anonymous_id`) AS visitor FROM `engage_default`.`identifies` e1 WHERE toString(e1.`user_id`) IS NOT NULL AND toString(e1.`anonymous_id`) IS NOT NULL) ke1 ON toString(e1.`user_id`) IS NULL AND ke1.visitor = toString(e1.`anonymous_id`)
WHERE ke1.visitor IS NULL AND e1.`3_views` IS NOT NULL;
