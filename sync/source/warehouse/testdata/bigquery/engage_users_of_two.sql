SELECT c1, c2, c3, c4, c5
FROM (SELECT CAST(e1.`id` AS STRING) AS c1, CASE WHEN e1.`3_views` THEN 'true' WHEN NOT e1.`3_views` THEN 'false' END AS c2, CAST(e1.`id` AS STRING) AS c3, CAST(NULL AS STRING) AS c4, e1.`received_at` AS c5
FROM `engage_default`.`users` e1 WHERE e1.`3_views` IS NOT NULL
UNION ALL
SELECT CAST(e2.`id` AS STRING) AS c1, CASE WHEN e2.`3_views` THEN 'true' WHEN NOT e2.`3_views` THEN 'false' END AS c2, CAST(e2.`id` AS STRING) AS c3, CAST(NULL AS STRING) AS c4, e2.`received_at` AS c5
FROM `engage_ads`.`users` e2 WHERE e2.`3_views` IS NOT NULL) u
ORDER BY c1, c5 NULLS FIRST;

-- as diff: warehouse has it compared
SELECT c1, c2, c3, c4, c5
FROM (SELECT CAST(e1.`id` AS STRING) AS c1, CASE WHEN e1.`3_views` THEN 'true' WHEN NOT e1.`3_views` THEN 'false' END AS c2, CAST(e1.`id` AS STRING) AS c3, CAST(NULL AS STRING) AS c4, e1.`received_at` AS c5
FROM `engage_default`.`users` e1 WHERE e1.`3_views` IS NOT NULL
UNION ALL
SELECT CAST(e2.`id` AS STRING) AS c1, CASE WHEN e2.`3_views` THEN 'true' WHEN NOT e2.`3_views` THEN 'false' END AS c2, CAST(e2.`id` AS STRING) AS c3, CAST(NULL AS STRING) AS c4, e2.`received_at` AS c5
FROM `engage_ads`.`users` e2 WHERE e2.`3_views` IS NOT NULL) u;
