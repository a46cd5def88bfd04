SELECT CASE WHEN toString(e1.`user_id`) IS NULL THEN 1 ELSE 0 END, CASE WHEN toString(e1.`user_id`) IS NULL THEN toString(e1.`anonymous_id`) ELSE toString(e1.`user_id`) END, e1.`3_views`, e1.`user_id`, e1.`anonymous_id`, toString(NULL), e1.`timestamp`, e1.`received_at`, e1.`id`
FROM `engage_default`.`identifies` e1
LEFT JOIN (SELECT DISTINCT toString(e1.`anonymous_id`) AS visitor FROM `engage_default`.`identifies` e1 WHERE toString(e1.`user_id`) IS NOT NULL AND toString(e1.`anonymous_id`) IS NOT NULL) ke1 ON toString(e1.`user_id`) IS NULL AND ke1.visitor = toString(e1.`anonymous_id`)
WHERE ke1.visitor IS NULL AND e1.`3_views` IS NOT NULL
ORDER BY 1, 2, 7, 8, 9;
