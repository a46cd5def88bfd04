SELECT toString(e1.`id`), CASE WHEN e1.`3_views` THEN 'true' WHEN NOT e1.`3_views` THEN 'false' END, toString(e1.`id`), toString(NULL), e1.`received_at`
FROM `engage_default`.`users` e1
WHERE e1.`3_views` IS NOT NULL
UNION ALL
SELECT toString(e2.`id`), CASE WHEN e2.`3_views` THEN 'true' WHEN NOT e2.`3_views` THEN 'false' END, toString(e2.`id`), toString(NULL), e2.`received_at`
FROM `engage_ads`.`users` e2
WHERE e2.`3_views` IS NOT NULL
ORDER BY 1, 5;
