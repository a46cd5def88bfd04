SELECT c1, c2, c3, c4, c5, c6, c7, c8, c9, c10
FROM (SELECT CASE WHEN r.person IS NULL THEN 1 ELSE 0 END AS c1, CASE WHEN r.person IS NULL THEN r.visitor ELSE r.person END AS c2, r.value AS c3, r.person AS c4, r.visitor AS c5, r.email AS c6, CASE WHEN r.person IS NULL THEN k.known END AS c7, r.happened AS c8, r.received AS c9, r.id AS c10
FROM (SELECT toString(e1.`user_id`) AS person, toString(e1.`anonymous_id`) AS visitor, e1.`3_views` AS value, CAST(NULL AS Nullable(String)) AS email, e1.`timestamp` AS happened, e1.`received_at` AS received, e1.`id` AS id FROM `engage_default`.`identifies` e1 WHERE e1.`3_views` IS NOT NULL) r
LEFT JOIN (SELECT DISTINCT toString(e1.`anonymous_id`) AS known FROM `engage_default`.`identifies` e1 WHERE toString(e1.`user_id`) IS NOT NULL AND toString(e1.`anonymous_id`) IS NOT NULL) k ON k.known = r.visitor) u
ORDER BY c1, c2, c8 NULLS FIRST, c9 NULLS FIRST, c10 NULLS FIRST;

-- as diff: warehouse has it compared
SELECT c1, c2, c3, c4, c5, c6, c7, c8, c9, c10
FROM (SELECT CASE WHEN r.person IS NULL THEN 1 ELSE 0 END AS c1, CASE WHEN r.person IS NULL THEN r.visitor ELSE r.person END AS c2, CASE WHEN r.value THEN 'true' WHEN NOT r.value THEN 'false' END AS c3, r.person AS c4, r.visitor AS c5, r.email AS c6, CASE WHEN r.person IS NULL THEN k.known END AS c7, r.happened AS c8, r.received AS c9, r.id AS c10
FROM (SELECT toString(e1.`user_id`) AS person, toString(e1.`anonymous_id`) AS visitor, e1.`3_views` AS value, CAST(NULL AS Nullable(String)) AS email, e1.`timestamp` AS happened, e1.`received_at` AS received, e1.`id` AS id FROM `engage_default`.`identifies` e1 WHERE e1.`3_views` IS NOT NULL) r
LEFT JOIN (SELECT DISTINCT toString(e1.`anonymous_id`) AS known FROM `engage_default`.`identifies` e1 WHERE toString(e1.`user_id`) IS NOT NULL AND toString(e1.`anonymous_id`) IS NOT NULL) k ON k.known = r.visitor) u;
