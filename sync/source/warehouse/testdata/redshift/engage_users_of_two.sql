SELECT CAST(e1."id" AS varchar(65535)), CASE WHEN e1."_3_views" THEN 'true' WHEN NOT e1."_3_views" THEN 'false' END, CAST(e1."id" AS varchar(65535)), CAST(NULL AS varchar(65535)), e1."received_at"
FROM "engage_default"."users" e1
WHERE e1."_3_views" IS NOT NULL
UNION ALL
SELECT CAST(e2."id" AS varchar(65535)), CASE WHEN e2."_3_views" THEN 'true' WHEN NOT e2."_3_views" THEN 'false' END, CAST(e2."id" AS varchar(65535)), CAST(NULL AS varchar(65535)), e2."received_at"
FROM "engage_ads"."users" e2
WHERE e2."_3_views" IS NOT NULL
ORDER BY 1, 5;

-- as diff: warehouse has it compared
SELECT CAST(e1."id" AS varchar(65535)) AS "profile", CASE WHEN e1."_3_views" THEN 'true' WHEN NOT e1."_3_views" THEN 'false' END AS "value", CAST(e1."id" AS varchar(65535)) AS "user_id", CAST(NULL AS varchar(65535)) AS "email", e1."received_at" AS "sorted"
FROM "engage_default"."users" e1
WHERE e1."_3_views" IS NOT NULL
UNION ALL
SELECT CAST(e2."id" AS varchar(65535)) AS "profile", CASE WHEN e2."_3_views" THEN 'true' WHEN NOT e2."_3_views" THEN 'false' END AS "value", CAST(e2."id" AS varchar(65535)) AS "user_id", CAST(NULL AS varchar(65535)) AS "email", e2."received_at" AS "sorted"
FROM "engage_ads"."users" e2
WHERE e2."_3_views" IS NOT NULL;
