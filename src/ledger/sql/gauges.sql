-- What the metrics tell of the books (src/metrics/gauges.ts), read by surety_monitor with its own rights: it sees all tenants.
-- Each is bounded by what is live, open or waiting, and reads it by an index: however much is behind us, a scrape costs the same.

CREATE OR REPLACE VIEW gauge_live_payments WITH (security_invoker = true) AS
SELECT state, count(*) AS payments FROM payment
WHERE state NOT IN ('paid', 'declined', 'expired', 'cancelled') GROUP BY state;

-- Of payments whose outcome is not known, the one that was confirmed first: seconds since its hold, by this server's clock.
CREATE OR REPLACE VIEW gauge_oldest_unknown WITH (security_invoker = true) AS
SELECT coalesce(extract(epoch FROM now() - min(uuid_extract_timestamp(hold.id))), 0)::double precision AS age_seconds
FROM payment JOIN hold ON hold.payment_id = payment.id AND hold.state = 'held'
WHERE payment.state = 'unknown';

CREATE OR REPLACE VIEW gauge_review WITH (security_invoker = true) AS
SELECT coalesce(reason, 'none') AS reason, count(*) AS payments FROM payment WHERE state = 'in_review' GROUP BY reason;

CREATE OR REPLACE VIEW gauge_held_points WITH (security_invoker = true) AS
SELECT partner.slug, coalesce(held.points, 0) AS points
FROM partner
LEFT JOIN (SELECT partner_id, sum(points) AS points FROM hold WHERE state = 'held' GROUP BY partner_id) AS held
  ON held.partner_id = partner.id;

-- As fund_read has them; the runway is that of the last 7 days, NULL where nothing was drawn.
CREATE OR REPLACE VIEW gauge_funds WITH (security_invoker = true) AS
SELECT partner.slug, fund.currency, balances.available, balances.reserved,
  fund_runway(balances.available + fund.overdraft_minor, draws.drawn, 7) AS runway_seconds
FROM fund
JOIN partner ON partner.id = fund.partner_id
CROSS JOIN LATERAL (
  SELECT coalesce(sum(balance) FILTER (WHERE kind = 'fund.available'), 0)::bigint AS available,
    coalesce(sum(balance) FILTER (WHERE kind = 'fund.reserved'), 0)::bigint AS reserved
  FROM account
  WHERE account.partner_id = fund.partner_id AND owner IS NULL AND asset = fund.currency
    AND kind IN ('fund.available', 'fund.reserved')
) AS balances
CROSS JOIN LATERAL (
  SELECT coalesce(sum(outgoing_minor), 0) AS drawn FROM fund_flow
  WHERE fund_flow.partner_id = fund.partner_id AND fund_flow.currency = fund.currency AND kind = 'draw'
    AND quarter > now() - interval '7 days'
) AS draws;

CREATE OR REPLACE VIEW gauge_differences WITH (security_invoker = true) AS
SELECT kind, count(*) AS differences FROM fund_difference WHERE state = 'open' GROUP BY kind;

-- Of each partner the last run that did all; before his first one, since when he is here. The oldest of these.
CREATE OR REPLACE VIEW gauge_reconciled WITH (security_invoker = true) AS
SELECT extract(epoch FROM min(coalesce(last.finished_at, partner.created_at)))::double precision AS at_seconds
FROM partner
LEFT JOIN LATERAL (
  SELECT finished_at FROM reconciliation
  WHERE reconciliation.partner_id = partner.id AND state = 'finished' ORDER BY id DESC LIMIT 1
) AS last ON true;

-- What an endpoint that is disabled does not get any more waits for nothing.
CREATE OR REPLACE VIEW gauge_oldest_delivery WITH (security_invoker = true) AS
SELECT coalesce((
  SELECT extract(epoch FROM now() - delivery.asked_at)
  FROM webhook_delivery delivery
  JOIN webhook_endpoint endpoint ON endpoint.id = delivery.endpoint_id
  WHERE delivery.state = 'pending' AND endpoint.state = 'enabled' AND delivery.disablings = endpoint.disablings
  ORDER BY delivery.asked_at LIMIT 1), 0)::double precision AS age_seconds;

-- Whom nobody can pay for at the moment, and why.
CREATE OR REPLACE VIEW gauge_flags WITH (security_invoker = true) AS
SELECT slug, 'credentials' AS flag FROM partner WHERE credentials_failed_at IS NOT NULL
UNION ALL
SELECT slug, 'fund' FROM partner WHERE fund_doubted_at IS NOT NULL;

-- A star is no slug: it stands for a pause of all.
CREATE OR REPLACE VIEW gauge_pauses WITH (security_invoker = true) AS
SELECT coalesce(partner.slug, '*') AS slug
FROM pause LEFT JOIN partner ON partner.id = pause.partner_id
WHERE pause.ended_at IS NULL;

CREATE OR REPLACE VIEW gauge_ledger_check WITH (security_invoker = true) AS
SELECT violations, extract(epoch FROM checked_at)::double precision AS at_seconds
FROM ledger_check ORDER BY id DESC LIMIT 1;
