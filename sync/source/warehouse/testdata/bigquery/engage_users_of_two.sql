SELECT CAST(e1.`id` AS STRING), CASE WHEN e1.`3_views` THEN 'true' WHEN NOT e1.`3_views` THEN 'false' END, CAST(e1.`id` AS STRING), CAST(NULL AS STRING), e1.`received_at`
FROM `engage_default`.`users` e1
WHERE e1.`3_views` IS NOT NULL
UNION ALL
SELECT CAST(e2.`id` AS STRING), CASE WHEN e2.`3_views` THEN 'true' WHEN NOT e2.`3_views` THEN 'false' END, CAST(e2.`id` AS STRING), CAST(NULL AS STRING), e2.`received_at`
FROM `engage_ads`.`users` e2
WHERE e2.`3_views` IS NOT NULL
ORDER BY 1, 5;
