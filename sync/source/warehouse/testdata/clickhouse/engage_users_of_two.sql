SELECT toString(e1.`id`), CASE WHEN e1.`3_views` THEN 'true' WHEN NOT e1.`3_views` THEN 'false' END, toString(e1.`id`), CAST(NULL AS Nullable(String)), e1.`received_at`
FROM `engage_default`.`users` e1
WHERE e1.`3_views` IS NOT NULL
UNION ALL
SELECT toString(e2.`id`), CASE WHEN e2.`3_views` THEN 'true' WHEN NOT e2.`3_views` THEN 'false' END, toString(e2.`id`), CAST(NULL AS Nullable(String)), e2.`received_at`
FROM `engage_ads`.`users` e2
WHERE e2.`3_views` IS NOT NULL
ORDER BY 1, 5;

-- as diff: warehouse has it compared
SELECT toString(e1.`id`) AS `profile`, CASE WHEN e1.`3_views` THEN 'true' WHEN NOT e1.`3_views` THEN 'false' END AS `value`, toString(e1.`id`) AS `user_id`, CAST(NULL AS Nullable(String)) AS `email`, e1.`received_at` AS `sorted`
FROM `engage_default`.`users` e1
WHERE e1.`3_views` IS NOT NULL
UNION ALL
SELECT toString(e2.`id`) AS `profile`, CASE WHEN e2.`3_views` THEN 'true' WHEN NOT e2.`3_views` THEN 'false' END AS `value`, toString(e2.`id`) AS `user_id`, CAST(NULL AS Nullable(String)) AS `email`, e2.`received_at` AS `sorted`
FROM `engage_ads`.`users` e2
WHERE e2.`3_views` IS NOT NULL;
