-- Organisations: a policy of what may be paid, what waits for an approver, and limits of a day and a month.
SET LOCAL ROLE surety_owner;
SET LOCAL search_path = surety;

-- Not among the settings: the release before reads those strictly, and would stop at a key that it does not know.
ALTER TABLE partner ADD COLUMN organisation_policy jsonb;

ALTER TABLE payment
  -- Of what was read of the invoice: raised by every read that says something else than the one before. An approval names
  -- the version that it is for. The print is of all that the version stands for; null: no read has been judged yet.
  ADD COLUMN read_version integer NOT NULL DEFAULT 0,
  ADD COLUMN read_print text,
  -- Why the last read needs an approver; null: it needs none.
  ADD COLUMN read_approval text;

INSERT INTO payment_transition (from_state, to_state) VALUES
  ('settling', 'awaiting_approval'), ('unknown', 'awaiting_approval');

-- What an organisation has spent, or holds to be spent, by day and by month of the programme's zone.
CREATE TABLE organisation_spending (
  partner_id uuid NOT NULL,
  currency text NOT NULL,
  period text NOT NULL CHECK (period IN ('day', 'month')),
  starts_on date NOT NULL,
  amount_minor bigint NOT NULL CHECK (amount_minor >= 0),
  PRIMARY KEY (partner_id, currency, period, starts_on)
);
-- The day on which a hold was counted against the limits, and whether it still counts: not once it is given back.
ALTER TABLE hold ADD COLUMN counted_on date, ADD COLUMN counts boolean NOT NULL DEFAULT false;

ALTER TABLE organisation_spending ENABLE ROW LEVEL SECURITY;
ALTER TABLE organisation_spending FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON organisation_spending
  USING (partner_id = (SELECT current_partner())) WITH CHECK (partner_id = (SELECT current_partner()));
CREATE POLICY everything ON organisation_spending FOR SELECT TO surety_monitor USING (true);
GRANT SELECT ON organisation_spending TO surety_monitor;
GRANT SELECT, INSERT, UPDATE (amount_minor) ON organisation_spending TO surety_ledger;

-- The first key of a partner has every scope; this one is new. The owner, too, is under row-level security.
ALTER TABLE api_key NO FORCE ROW LEVEL SECURITY;
UPDATE api_key SET scopes = scopes || ARRAY['payments:approve']
WHERE name = 'first' AND scopes @> ARRAY['payments:write', 'payments:read'] AND NOT scopes @> ARRAY['payments:approve'];
ALTER TABLE api_key FORCE ROW LEVEL SECURITY;
