SELECT CAST(e1."id" AS text), CASE WHEN e1."3_views" THEN 'true' WHEN NOT e1."3_views" THEN 'false' END, CAST(e1."id" AS text), CAST(NULL AS text), e1."received_at"
FROM "engage_default"."users" e1
WHERE e1."3_views" IS NOT NULL
UNION ALL
SELECT CAST(e2."id" AS text), CASE WHEN e2."3_views" THEN 'true' WHEN NOT e2."3_views" THEN 'false' END, CAST(e2."id" AS text), CAST(NULL AS text), e2."received_at"
FROM "engage_ads"."users" e2
WHERE e2."3_views" IS NOT NULL
ORDER BY 1, 5;

-- as diff: warehouse has it compared
SELECT CAST(e1."id" AS text) AS "profile", CASE WHEN e1."3_views" THEN 'true' WHEN NOT e1."3_views" THEN 'false' END AS "value", CAST(e1."id" AS text) AS "user_id", CAST(NULL AS text) AS "email", e1."received_at" AS "sorted"
FROM "engage_default"."users" e1
WHERE e1."3_views" IS NOT NULL
UNION ALL
SELECT CAST(e2."id" AS text) AS "profile", CASE WHEN e2."3_views" THEN 'true' WHEN NOT e2."3_views" THEN 'false' END AS "value", CAST(e2."id" AS text) AS "user_id", CAST(NULL AS text) AS "email", e2."received_at" AS "sorted"
FROM "engage_ads"."users" e2
WHERE e2."3_views" IS NOT NULL;
