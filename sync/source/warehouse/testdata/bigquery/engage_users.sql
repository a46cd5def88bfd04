SELECT e1.`id`, e1.`3_views`, e1.`id`, e1.`email`, e1.`received_at`
FROM `engage_default`.`users` e1
WHERE e1.`3_views` IS NOT NULL
ORDER BY 1, 5;

-- as diff: warehouse has it compared
SELECT e1.`id` AS `profile`, CASE WHEN e1.`3_views` THEN 'true' WHEN NOT e1.`3_views` THEN 'false' END AS `value`, e1.`id` AS `user_id`, e1.`email` AS `email`, e1.`received_at` AS `sorted`
FROM `engage_default`.`users` e1
WHERE e1.`3_views` IS NOT NULL;
