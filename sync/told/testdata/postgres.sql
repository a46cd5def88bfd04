-- told create
CREATE TABLE IF NOT EXISTS "impactsync"."told" (trait text NOT NULL, kind text NOT NULL, id text NOT NULL, value text NOT NULL, told_at timestamp with time zone NOT NULL, anonymous_id text NOT NULL, email_sha1 text NOT NULL, PRIMARY KEY (trait, kind, id));
CREATE TABLE IF NOT EXISTS "impactsync"."told_meta" (version bigint NOT NULL, store_id text NOT NULL, destination text NOT NULL, holder text NOT NULL, lease_until timestamp with time zone NOT NULL, token text NOT NULL);

-- the lease
UPDATE "impactsync"."told_meta" SET holder = $1, lease_until = clock_timestamp() + 60 * INTERVAL '1 second' WHERE holder = $2 OR holder = '' OR lease_until < now();
SELECT holder, CAST(CAST(EXTRACT(EPOCH FROM lease_until) * 1000000 AS bigint) AS text) FROM "impactsync"."told_meta";

-- rows that are written
CREATE TABLE "impactsync"."told_incoming_1" (trait text, kind text, id text, value text, seconds bigint, anonymous_id text, email_sha1 text, gone boolean, turn bigint);
-- COPY, or a load job: "impactsync"."told_incoming_1" (trait, kind, id, value, seconds, anonymous_id, email_sha1, gone, turn)
UPDATE "impactsync"."told_meta" SET token = $1 WHERE holder = $2;
MERGE INTO "impactsync"."told" t USING (
SELECT n.* FROM (SELECT i.*, ROW_NUMBER() OVER (PARTITION BY i.trait, i.kind, i.id ORDER BY i.turn DESC) AS place FROM "impactsync"."told_incoming_1" i) n WHERE n.place = 1 AND EXISTS (SELECT 1 FROM "impactsync"."told_meta" m WHERE m.holder = $1)
) r
ON t.trait = r.trait AND t.kind = r.kind AND t.id = r.id
WHEN MATCHED AND r.gone THEN DELETE
WHEN MATCHED AND (t.value <> r.value OR t.told_at <> to_timestamp(r.seconds) OR t.anonymous_id <> r.anonymous_id OR t.email_sha1 <> r.email_sha1) THEN UPDATE SET value = r.value, told_at = to_timestamp(r.seconds), anonymous_id = r.anonymous_id, email_sha1 = r.email_sha1
WHEN NOT MATCHED AND NOT r.gone THEN INSERT (trait, kind, id, value, told_at, anonymous_id, email_sha1) VALUES (r.trait, r.kind, r.id, r.value, to_timestamp(r.seconds), r.anonymous_id, r.email_sha1);
UPDATE "impactsync"."told_meta" SET holder = $1, lease_until = clock_timestamp() + 1 * INTERVAL '1 second' WHERE holder = $2;

-- forget: the keys come in the same way
MERGE INTO "impactsync"."told" t USING (SELECT DISTINCT n.trait, i.kind, i.id FROM "impactsync"."told_incoming_1" i CROSS JOIN (WITH RECURSIVE t(trait) AS ((SELECT trait FROM "impactsync"."told" ORDER BY trait LIMIT 1) UNION ALL SELECT (SELECT n.trait FROM "impactsync"."told" n WHERE n.trait > t.trait ORDER BY n.trait LIMIT 1) FROM t WHERE t.trait IS NOT NULL) SELECT trait FROM t WHERE trait IS NOT NULL) n WHERE EXISTS (SELECT 1 FROM "impactsync"."told_meta" m WHERE m.holder = $1)) r
ON t.trait = r.trait AND t.kind = r.kind AND t.id = r.id
WHEN MATCHED THEN DELETE;

-- explain
SELECT t.trait, t.kind, t.id, t.value, CAST(CAST(EXTRACT(EPOCH FROM t.told_at) * 1000000 AS bigint) AS text), t.anonymous_id, t.email_sha1 FROM (SELECT DISTINCT r.kind, r.id FROM jsonb_to_recordset(CAST($1 AS jsonb)) AS r(kind text, id text)) k CROSS JOIN (WITH RECURSIVE t(trait) AS ((SELECT trait FROM "impactsync"."told" ORDER BY trait LIMIT 1) UNION ALL SELECT (SELECT n.trait FROM "impactsync"."told" n WHERE n.trait > t.trait ORDER BY n.trait LIMIT 1) FROM t WHERE t.trait IS NOT NULL) SELECT trait FROM t WHERE trait IS NOT NULL) n JOIN "impactsync"."told" t ON t.trait = n.trait AND t.kind = k.kind AND t.id = k.id;
SELECT t.trait, t.kind, t.id, t.value, CAST(CAST(EXTRACT(EPOCH FROM t.told_at) * 1000000 AS bigint) AS text), t.anonymous_id, t.email_sha1 FROM "impactsync"."told" t JOIN (SELECT DISTINCT r.kind, r.id FROM jsonb_to_recordset(CAST($1 AS jsonb)) AS r(kind text, id text)) k ON k.kind = 'anonymous_id' AND k.id = t.anonymous_id OR k.kind = 'email_sha1' AND k.id = t.email_sha1;

-- status
SELECT trait, CAST(COUNT(*) AS text), CAST(SUM(CASE WHEN value = 'false' THEN 0 ELSE 1 END) AS text) FROM "impactsync"."told" GROUP BY trait;

-- told drop
SELECT table_name FROM information_schema.tables WHERE table_schema = $1 ORDER BY 1;
DROP TABLE IF EXISTS "impactsync"."told";
DROP TABLE IF EXISTS "impactsync"."told_meta";

-- the difference of Profiles Sync
WITH list AS (
SELECT COALESCE(CAST(s."profile" AS text), '') AS told_p1, s."profile", s."value", s."kind", s."id", s."sorted"
FROM (
SELECT 1 -- the reader's
) s
),
told AS (
SELECT t.kind, t.id, t.value, CAST(CAST(EXTRACT(EPOCH FROM t.told_at) * 1000000 AS bigint) AS text) AS told_at, t.anonymous_id, t.email_sha1
FROM "impactsync"."told" t WHERE t.trait = $2
),
ids AS (
SELECT l.told_p1, CASE WHEN LOWER(COALESCE(CAST(l."value" AS text), '')) IN ('true', 't', '1') THEN 'true' WHEN LOWER(COALESCE(CAST(l."value" AS text), '')) IN ('false', 'f', '0', '') THEN 'false' ELSE 'unknown' END AS value, CASE WHEN COALESCE(CAST(l."id" AS text), '') = '' THEN 9 ELSE CASE l."kind" WHEN 'user_id' THEN 1 WHEN 'anonymous_id' THEN 2 WHEN 'email' THEN 3 ELSE 9 END END AS level, COALESCE(CAST(l."id" AS text), '') AS id, l."sorted" AS o1
FROM list l
),
hashed AS (
SELECT i.*, CASE WHEN i.id LIKE '%@%' THEN CAST(NULL AS text) WHEN i.level = 3 AND LENGTH(i.id) = 40 THEN LOWER(i.id) END AS digest
FROM ids i OFFSET 0
),
people AS (
SELECT h.told_p1, h.level, h.id, h.digest, CASE WHEN h.told_p1 = '' THEN 'unknown' ELSE LAST_VALUE(h.value) OVER (PARTITION BY h.told_p1 ORDER BY h.o1 NULLS FIRST ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING) END AS value, MIN(h.level) OVER (PARTITION BY h.told_p1) AS foremost,
MAX(CASE WHEN h.level = 1 AND h.id LIKE '%@%' THEN 1 ELSE 0 END) OVER (PARTITION BY h.told_p1) AS address_user, MAX(CASE WHEN h.level = 2 AND h.id LIKE '%@%' THEN 1 ELSE 0 END) OVER (PARTITION BY h.told_p1) AS address_visitor,
MAX(CASE WHEN h.level = 2 THEN 1 ELSE 0 END) OVER (PARTITION BY h.told_p1) AS visitor, MAX(CASE WHEN h.level = 3 THEN 1 ELSE 0 END) OVER (PARTITION BY h.told_p1) AS addressed, MIN(h.digest) OVER (PARTITION BY h.told_p1) AS low, MAX(h.digest) OVER (PARTITION BY h.told_p1) AS high
FROM hashed h
),
keys AS (
SELECT p.told_p1, p.level, p.foremost, p.value,
CASE WHEN p.level = 9 THEN 'none' WHEN p.digest IS NOT NULL THEN 'email_sha1' WHEN p.level = 1 THEN 'user_id' WHEN p.level = 2 THEN 'anonymous_id' ELSE 'none' END AS kind,
COALESCE(p.digest, p.id) AS id, CASE WHEN p.address_visitor = 1 OR p.address_user = 1 OR p.addressed = 1 AND EXISTS (SELECT 1 FROM told t WHERE t.kind = 'email_sha1' AND t.value <> 'false') OR p.told_p1 = '' THEN 1 ELSE 0 END AS odd
FROM people p
WHERE p.value <> 'false'
),
wanted AS (
SELECT k.kind, k.id, MIN(k.value) AS low, MAX(k.value) AS high, MAX(CASE WHEN k.level = k.foremost THEN 1 ELSE 0 END) AS here, MAX(CASE WHEN k.level = k.foremost AND k.odd = 0 THEN 1 ELSE 0 END) AS sure, MAX(CASE WHEN k.level > k.foremost THEN 1 ELSE 0 END) AS rides
FROM keys k WHERE k.kind <> 'none'
GROUP BY k.kind, k.id
),
compared AS (
SELECT COALESCE(w.kind, t.kind) AS kind, COALESCE(w.id, t.id) AS id, w.low, w.high, COALESCE(w.here, 0) AS here, w.rides, t.value, t.told_at, t.anonymous_id, t.email_sha1,
CASE WHEN w.sure = 1 AND w.low = w.high AND w.low = t.value THEN 1 ELSE 0 END AS kept
FROM wanted w FULL JOIN told t ON t.kind = w.kind AND t.id = w.id
),
differing AS (
SELECT b.kind, b.id, b.low, b.high, b.value
FROM compared b WHERE b.low <> b.high OR b.here = 1 AND (b.value IS NULL OR b.value <> b.low) OR b.rides = 1 AND b.value <> 'false'
),
changed AS (
SELECT DISTINCT k.told_p1
FROM keys k LEFT JOIN differing d ON d.kind = k.kind AND d.id = k.id
WHERE k.odd = 1 OR k.level = k.foremost AND k.kind = 'none' OR d.low <> d.high OR d.low IS NOT NULL AND k.level = k.foremost AND (d.value IS NULL OR d.value <> k.value) OR k.level > k.foremost AND d.value <> 'false'
),
near AS (
SELECT DISTINCT k.kind, k.id
FROM keys k JOIN changed c ON k.told_p1 = c.told_p1
),
back AS (
SELECT b.kind, b.id, b.value, b.told_at, b.anonymous_id, b.email_sha1, CASE WHEN b.kept = 1 THEN '1' ELSE '' END AS kept
FROM compared b LEFT JOIN near n ON n.kind = b.kind AND n.id = b.id
WHERE b.value IS NOT NULL AND (n.id IS NOT NULL OR b.kind = 'email_sha1' OR b.value <> 'false' AND b.kept = 0)
),
parts AS (
SELECT '0' AS part, CAST(NULL AS text) AS told_p1, CAST(COALESCE(SUM(CASE WHEN b.value IS NOT NULL THEN 1 ELSE 0 END), 0) AS text) AS a, CAST(COALESCE(SUM(CASE WHEN b.value <> 'false' THEN 1 ELSE 0 END), 0) AS text) AS b, CAST(COALESCE(SUM(CASE WHEN b.here = 1 THEN 1 ELSE 0 END), 0) AS text) AS c, CAST(COALESCE(SUM(CASE WHEN b.here = 1 AND (b.value IS NULL OR b.value <> b.low) THEN 1 ELSE 0 END), 0) AS text) AS d, CAST(COALESCE(SUM(CASE WHEN b.value <> 'false' AND b.here = 0 THEN 1 ELSE 0 END), 0) AS text) AS e, '' AS f, '' AS g FROM compared b
UNION ALL
SELECT '1', NULL, b.kind, b.id, b.value, b.told_at, b.anonymous_id, b.email_sha1, b.kept FROM back b
UNION ALL
SELECT '2', c.told_p1, NULL, NULL, NULL, NULL, NULL, NULL, NULL FROM changed c
)
SELECT x.part, x.a, x.b, x.c, x.d, x.e, x.f, x.g, l."profile", l."value", l."kind", l."id", l."sorted"
FROM parts x LEFT JOIN (
SELECT l.told_p1, l."profile", l."value", l."kind", l."id", l."sorted"
FROM list l JOIN changed c ON l.told_p1 = c.told_p1
) l ON l.told_p1 = x.told_p1
ORDER BY x.part, x.told_p1, l."profile", l."sorted" NULLS FIRST;

-- the difference of a query
WITH list AS (
SELECT COALESCE(CAST(s."user_id" AS text), '') AS told_p1, '' AS told_p2, COALESCE(CAST(s."email" AS text), '') AS told_p3, COALESCE(CAST(s."value" AS text), '') AS told_p4, s."user_id", s."email", s."value"
FROM (
SELECT 1 -- the reader's
) s
),
told AS (
SELECT t.kind, t.id, t.value, CAST(CAST(EXTRACT(EPOCH FROM t.told_at) * 1000000 AS bigint) AS text) AS told_at, t.anonymous_id, t.email_sha1
FROM "impactsync"."told" t WHERE t.trait = $1
),
ids AS (
SELECT l.told_p1, l.told_p2, l.told_p3, l.told_p4, COALESCE(CAST(l."value" AS text), '') AS value, COALESCE(CAST(l."user_id" AS text), '') AS u, '' AS a, COALESCE(CAST(l."email" AS text), '') AS e, CASE WHEN COALESCE(CAST(l."user_id" AS text), '') LIKE '%@%' THEN CAST(NULL AS text) END AS hu, CASE WHEN '' LIKE '%@%' THEN CAST(NULL AS text) END AS ha, CASE WHEN COALESCE(CAST(l."email" AS text), '') LIKE '%@%' THEN CAST(NULL AS text) WHEN 1 = 1 AND LENGTH(COALESCE(CAST(l."email" AS text), '')) = 40 THEN LOWER(COALESCE(CAST(l."email" AS text), '')) END AS he,
CASE WHEN COALESCE(CAST(l."user_id" AS text), '') <> '' THEN 1 WHEN '' <> '' THEN 2 WHEN COALESCE(CAST(l."email" AS text), '') <> '' THEN 3 ELSE 9 END AS foremost
FROM list l OFFSET 0
),
people AS (
SELECT i.told_p1, i.told_p2, i.told_p3, i.told_p4, 9 AS level, '' AS id, i.he AS digest, i.value, i.foremost,
CASE WHEN i.u LIKE '%@%' THEN 1 ELSE 0 END AS address_user, CASE WHEN i.a LIKE '%@%' THEN 1 ELSE 0 END AS address_visitor,
CASE WHEN i.a <> '' THEN 1 ELSE 0 END AS visitor, CASE WHEN i.e <> '' THEN 1 ELSE 0 END AS addressed, COALESCE(i.hu, i.he) AS low, COALESCE(i.he, i.hu) AS high
FROM ids i WHERE i.foremost = 9
UNION ALL
SELECT i.told_p1, i.told_p2, i.told_p3, i.told_p4, 1 AS level, i.u AS id, i.hu AS digest, i.value, i.foremost,
CASE WHEN i.u LIKE '%@%' THEN 1 ELSE 0 END AS address_user, CASE WHEN i.a LIKE '%@%' THEN 1 ELSE 0 END AS address_visitor,
CASE WHEN i.a <> '' THEN 1 ELSE 0 END AS visitor, CASE WHEN i.e <> '' THEN 1 ELSE 0 END AS addressed, COALESCE(i.hu, i.he) AS low, COALESCE(i.he, i.hu) AS high
FROM ids i WHERE i.u <> ''
UNION ALL
SELECT i.told_p1, i.told_p2, i.told_p3, i.told_p4, 3 AS level, i.e AS id, i.he AS digest, i.value, i.foremost,
CASE WHEN i.u LIKE '%@%' THEN 1 ELSE 0 END AS address_user, CASE WHEN i.a LIKE '%@%' THEN 1 ELSE 0 END AS address_visitor,
CASE WHEN i.a <> '' THEN 1 ELSE 0 END AS visitor, CASE WHEN i.e <> '' THEN 1 ELSE 0 END AS addressed, COALESCE(i.hu, i.he) AS low, COALESCE(i.he, i.hu) AS high
FROM ids i WHERE i.e <> ''
),
keys AS (
SELECT p.told_p1, p.told_p2, p.told_p3, p.told_p4, p.level, p.foremost, p.value,
CASE WHEN p.level = 9 THEN 'none' WHEN p.digest IS NOT NULL THEN 'email_sha1' WHEN p.level = 1 THEN 'user_id' WHEN p.level = 2 THEN 'anonymous_id' ELSE 'none' END AS kind,
COALESCE(p.digest, p.id) AS id, CASE WHEN p.address_visitor = 1 OR p.address_user = 1 OR p.addressed = 1 AND EXISTS (SELECT 1 FROM told t WHERE t.kind = 'email_sha1' AND t.value <> 'false') THEN 1 ELSE 0 END AS odd
FROM people p
),
wanted AS (
SELECT k.kind, k.id, MIN(k.value) AS low, MAX(k.value) AS high, MAX(CASE WHEN k.level = k.foremost THEN 1 ELSE 0 END) AS here, MAX(CASE WHEN k.level = k.foremost AND k.odd = 0 THEN 1 ELSE 0 END) AS sure, MAX(CASE WHEN k.level > k.foremost THEN 1 ELSE 0 END) AS rides
FROM keys k WHERE k.kind <> 'none'
GROUP BY k.kind, k.id
),
compared AS (
SELECT COALESCE(w.kind, t.kind) AS kind, COALESCE(w.id, t.id) AS id, w.low, w.high, COALESCE(w.here, 0) AS here, w.rides, t.value, t.told_at, t.anonymous_id, t.email_sha1,
CASE WHEN w.sure = 1 AND w.low = w.high AND w.low = t.value THEN 1 ELSE 0 END AS kept
FROM wanted w FULL JOIN told t ON t.kind = w.kind AND t.id = w.id
),
differing AS (
SELECT b.kind, b.id, b.low, b.high, b.value
FROM compared b WHERE b.low <> b.high OR b.here = 1 AND (b.value IS NULL OR b.value <> b.low) OR b.rides = 1 AND b.value <> 'false'
),
changed AS (
SELECT DISTINCT k.told_p1, k.told_p2, k.told_p3, k.told_p4
FROM keys k LEFT JOIN differing d ON d.kind = k.kind AND d.id = k.id
WHERE k.odd = 1 OR k.level = k.foremost AND k.kind = 'none' OR d.low <> d.high OR d.low IS NOT NULL AND k.level = k.foremost AND (d.value IS NULL OR d.value <> k.value) OR k.level > k.foremost AND d.value <> 'false'
),
near AS (
SELECT DISTINCT k.kind, k.id
FROM keys k JOIN changed c ON k.told_p1 = c.told_p1 AND k.told_p2 = c.told_p2 AND k.told_p3 = c.told_p3 AND k.told_p4 = c.told_p4
),
back AS (
SELECT b.kind, b.id, b.value, b.told_at, b.anonymous_id, b.email_sha1, CASE WHEN b.kept = 1 THEN '1' ELSE '' END AS kept
FROM compared b LEFT JOIN near n ON n.kind = b.kind AND n.id = b.id
WHERE b.value IS NOT NULL AND (n.id IS NOT NULL OR b.kind = 'email_sha1' OR b.value <> '' AND b.kept = 0)
),
parts AS (
SELECT '0' AS part, CAST(NULL AS text) AS told_p1, CAST(NULL AS text) AS told_p2, CAST(NULL AS text) AS told_p3, CAST(NULL AS text) AS told_p4, CAST(COALESCE(SUM(CASE WHEN b.value IS NOT NULL THEN 1 ELSE 0 END), 0) AS text) AS a, CAST(COALESCE(SUM(CASE WHEN b.value <> 'false' THEN 1 ELSE 0 END), 0) AS text) AS b, CAST(COALESCE(SUM(CASE WHEN b.here = 1 THEN 1 ELSE 0 END), 0) AS text) AS c, CAST(COALESCE(SUM(CASE WHEN b.here = 1 AND (b.value IS NULL OR b.value <> b.low) THEN 1 ELSE 0 END), 0) AS text) AS d, CAST(COALESCE(SUM(CASE WHEN b.value <> '' AND b.here = 0 THEN 1 ELSE 0 END), 0) AS text) AS e, '' AS f, '' AS g FROM compared b
UNION ALL
SELECT '1', NULL, NULL, NULL, NULL, b.kind, b.id, b.value, b.told_at, b.anonymous_id, b.email_sha1, b.kept FROM back b
UNION ALL
SELECT '2', c.told_p1, c.told_p2, c.told_p3, c.told_p4, NULL, NULL, NULL, NULL, NULL, NULL, NULL FROM changed c
)
SELECT x.part, x.a, x.b, x.c, x.d, x.e, x.f, x.g, l."user_id", l."email", l."value"
FROM parts x LEFT JOIN (
SELECT l.told_p1, l.told_p2, l.told_p3, l.told_p4, l."user_id", l."email", l."value"
FROM list l JOIN changed c ON l.told_p1 = c.told_p1 AND l.told_p2 = c.told_p2 AND l.told_p3 = c.told_p3 AND l.told_p4 = c.told_p4
) l ON l.told_p1 = x.told_p1 AND l.told_p2 = x.told_p2 AND l.told_p3 = x.told_p3 AND l.told_p4 = x.told_p4
ORDER BY x.part, x.told_p1, x.told_p2, x.told_p3, x.told_p4;
