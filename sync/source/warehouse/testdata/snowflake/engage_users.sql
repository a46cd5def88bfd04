SELECT c1, c2, c3, c4, c5
FROM (SELECT e1."id" AS c1, e1."3_views" AS c2, e1."id" AS c3, e1."email" AS c4, e1."received_at" AS c5
FROM "engage_default"."users" e1 WHERE e1."3_views" IS NOT NULL) u
ORDER BY c1, c5 NULLS FIRST;

-- as diff: warehouse has it compared
SELECT c1, c2, c3, c4, c5
FROM (SELECT e1."id" AS c1, CASE WHEN e1."3_views" THEN 'true' WHEN NOT e1."3_views" THEN 'false' END AS c2, e1."id" AS c3, e1."email" AS c4, e1."received_at" AS c5
FROM "engage_default"."users" e1 WHERE e1."3_views" IS NOT NULL) u;
