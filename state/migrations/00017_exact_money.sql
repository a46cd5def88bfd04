-- Amounts were hundredths of a currency's unit, and are ten-thousandths: some
-- currencies have three or four places. What is too large for that was never money.
UPDATE deliveries SET amount = 100 * max(-90000000000000000, min(90000000000000000, amount)) WHERE amount IS NOT NULL;
UPDATE guard_verdicts SET fresh = 100 * min(90000000000000000, fresh), base = 100 * min(90000000000000000, base) WHERE unit <> '';

DROP VIEW orders;
CREATE VIEW orders AS
SELECT d.order_id, d.event, d.event_type, CASE d.status WHEN 0 THEN d.outcome WHEN 1 THEN 'pending' WHEN 2 THEN 'in flight' WHEN 3 THEN 'retry later' WHEN 4 THEN 'refused' WHEN 5 THEN 'unknown' ELSE 'held' END AS status,
       round(d.amount / 10000.0, 4) AS amount, d.currency, p.user_id, p.anonymous_id, p.email_sha1,
       strftime('%Y-%m-%dT%H:%M:%S', d.event_at / 1000000000, 'unixepoch') || printf('.%03dZ', d.event_at / 1000000 % 1000) AS event_at,
       strftime('%Y-%m-%dT%H:%M:%S', d.delivered_at / 1000000000, 'unixepoch') || printf('.%03dZ', d.delivered_at / 1000000 % 1000) AS delivered_at,
       d.attempts, d.class, d.last_error, v.verdict, v.error_type, v.reasons, d.queued_uri, d.message_id, 'e' || d.id AS id
  FROM deliveries d LEFT JOIN profiles o ON o.id = d.profile_id LEFT JOIN profiles p ON p.id = coalesce(o.absorbed_into, o.id)
  LEFT JOIN verdicts v ON v.delivery_id = d.id
 WHERE d.kind = 'conversion';

DROP VIEW delivered_conversions;
CREATE VIEW delivered_conversions AS
SELECT d.event_type, d.order_id, d.message_id,
       strftime('%Y-%m-%dT%H:%M:%S', d.event_at / 1000000000, 'unixepoch') || printf('.%03dZ', d.event_at / 1000000 % 1000)         AS event_at,
       strftime('%Y-%m-%dT%H:%M:%S', d.delivered_at / 1000000000, 'unixepoch') || printf('.%03dZ', d.delivered_at / 1000000 % 1000) AS delivered_at,
       d.queued_uri, p.user_id, p.anonymous_id, p.email_sha1, d.event, round(d.amount / 10000.0, 4) AS amount, d.currency, 'e' || d.id AS id
  FROM deliveries d LEFT JOIN profiles o ON o.id = d.profile_id LEFT JOIN profiles p ON p.id = coalesce(o.absorbed_into, o.id)
 WHERE d.kind = 'conversion' AND d.status = 0 AND d.outcome = 'delivered';
