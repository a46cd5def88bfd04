SELECT e1.`id`, e1.`3_views`, e1.`id`, e1.`email`, e1.`received_at`
FROM `engage_default`.`users` e1
WHERE e1.`3_views` IS NOT NULL
ORDER BY 1, 5;
