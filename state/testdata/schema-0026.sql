-- Rows as the program of schema 26 writes them: u1 was told true and is a member,
-- u2 is to be told, u3 has left, a page load waits, an order was delivered.
-- u1 has had a click. Our own rules would refuse the page load.
INSERT INTO runs (run, kind, started_at, ended_at, heartbeat_at, exit_code, pid, host, version) VALUES (1, 'run', 1795000000000000000, 1795000000000000000, 1795000000000000000, 4, 1, 'h', 'v1');
INSERT INTO run_counters (run, name, value) VALUES (1, 'found', 5), (1, 'delivered', 2);
INSERT INTO objects (id, source, name, etag, size, mod_time, read_bytes, read_lines, done, read_at) VALUES (1, 'web', 'log', '', 10, 1795000000000000000, 10, 2, 1, 1795000000000000000);
INSERT INTO traits (id, key, name, class, list_source, generation, last_list_at, created_at) VALUES (1, 'vip', 'VIP', 'audience', 'exports', 1, 1795000000000000000, 1795000000000000000);
INSERT INTO generations (id, trait_id, run, source, objects, listed_at, state, members, joins, applied_at) VALUES (1, 1, 1, 'exports', 'VIP.csv', 1795000000000000000, 'applied', 2, 2, 1795000000000000000);
INSERT INTO profiles (id, user_id, click_id, click_at, click_sure, seen_at) VALUES (5667766231036073996, 'u1', 'c1', 1795000000000000000, 1, 1795000000000000000);
INSERT INTO newcomers (id, user_id) VALUES (9168614106444597936, 'u2');
INSERT INTO profiles (id, user_id, seen_at) VALUES (2952098044459460902, 'u3', 1795000000000000000);
INSERT INTO trait_values (trait_id, profile_id, wanted, origin, delivered, delivered_at) VALUES (1, 5667766231036073996, 1, -1, 1, 1795000000);
INSERT INTO trait_due (trait_id, profile_id, status, wanted, wanted_at, origin) VALUES (1, 9168614106444597936, 1, 1, 1795000000000000000, -1);
INSERT INTO trait_values (trait_id, profile_id, wanted, origin, delivered, delivered_at) VALUES (1, 2952098044459460902, 1, -1, 1, 1795000000);
INSERT INTO trait_due (trait_id, profile_id, status, is_exit, wanted, wanted_at, origin, delivered, delivered_at) VALUES (1, 2952098044459460902, 1, 1, 0, 1795000000000000000, -1, 1, 1795000000);
INSERT INTO deliveries (id, kind, status, profile_id, message_id, event, event_at, created_at, payload, origin, line, own_refusal, unsure) VALUES (1, 'page_load', 1, 5667766231036073996, 'm1', 'page', 1795000000000000000, 1795000000000000000, '{"type":"page","userId":"u1"}', 1, 1, 'no PageUrl', 0);
INSERT INTO deliveries (id, kind, status, profile_id, message_id, event, event_type, order_id, event_at, created_at, origin, line, attempts, delivered_at, outcome) VALUES (2, 'conversion', 0, 9168614106444597936, 'm2', 'Order Completed', 'Order Completed', 'o1', 1795000000000000000, 1795000000000000000, 1, 2, 1, 1795000000000000000, 'delivered');
INSERT INTO counters (scope, name, value) VALUES (1, 'settled', 1), (1, 'pending', 2), (1, 'wanted', 2), (1, 'delivered', 2), (1, 'told', 2), (0, 'pending', 1);
INSERT INTO guard_passed (profile_id, trait_id, is_exit, at) VALUES (2952098044459460902, 1, 1, 1795000000000000000);
INSERT INTO guard_verdicts (scope, direction, run, at, fresh, base, held, reason) VALUES (-2, 'suppressions', 1, 1795000000000000000, 40, 100, 1, 'words');
INSERT INTO approvals_given (scope, direction, amount, created_at, expires_at, os_user, host, given_as) VALUES (-2, 'suppressions', 40, 1795000000000000000, 1795086400000000000, 'root', 'h', 'ann');
INSERT INTO event_keys (minute, key, seen_at) VALUES (29916666, x'000102030405060708090a0b0c0d0e0f', 1795000000000000000);
INSERT INTO event_keys (minute, key, seen_at) VALUES (0, x'101112131415161718191a1b1c1d1e1f', 1795000000000000000);
INSERT INTO routes (type, name, becomes) VALUES ('track', 'Order Completed', 'conversion'), ('page', '', 'page_load');
UPDATE store SET placeholders = '1', refusals_of = 'f';
INSERT INTO crowds (profile_id, id, kind, visitors, messages, of_messages, found_at) VALUES (42, 'web_user', 'user_id', 1001, 0, 0, 1795000000000000000);
UPDATE store SET events_applied = 2;
INSERT INTO events_by_person (profile_id, delivery_id) SELECT profile_id, id FROM deliveries;
INSERT INTO source_reads (name, newest_at, read_at, missing, max_age, stale, error) VALUES ('web', 1795000000000000000, 1795000000000000000, '', 3600000000000, 'old', NULL);
INSERT INTO failed_attempts (attempt, run, profile_id, delivery_id, detail, at, outcome, error) VALUES (4294967297, 1, 5667766231036073996, 1, 'page', 1795000000000000000, 'retry later', 'busy');
INSERT INTO trait_runs (trait_id, run, at, wanted, delivered, pending, held, refused, joins, leaves) VALUES (1, 1, 1795000000000000000, 2, 2, 2, 0, 0, 2, 0);
UPDATE objects SET counted_lines = read_lines;
INSERT INTO notices (webhook, condition, since, told_at) VALUES ('chat', 'held', 1795000000000000000, 1795000000000000000);
UPDATE source_reads SET whole_at = 1795000000000000000, whole_day = 1794960000000000000, whole_of = 's3://logs/ since 0, all true';
