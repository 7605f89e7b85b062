-- The fund's mirror for the accountant: what needs a second person, repayments and corrections, the low-water mark, and how
-- the money moved over time.
SET LOCAL ROLE surety_owner;
SET LOCAL search_path = surety;

-- Which actions of this partner need no second person: {"waived": ["fund.deposit", …]}. Not among the settings, which the
-- release before reads strictly.
ALTER TABLE partner ADD COLUMN approvals jsonb NOT NULL DEFAULT '{}';

-- A wish that takes effect when a second person agrees. It is bound to one version of one subject, can be used once, and
-- keeps who asked and who decided, for good.
CREATE TABLE approval (
  id uuid PRIMARY KEY DEFAULT uuidv7(),
  partner_id uuid NOT NULL REFERENCES partner,
  action text NOT NULL CHECK (action ~ '^[a-z_]{1,40}\.[a-z_]{1,40}$'),
  -- What it is about, by a name that is the action's own: a bill's number, an id.
  subject text NOT NULL CHECK (length(subject) BETWEEN 1 AND 200),
  version integer NOT NULL CHECK (version >= 1),
  -- What is to be done, exactly.
  body jsonb NOT NULL,
  reason text NOT NULL CHECK (length(reason) <= 2000),
  state text NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'approved', 'rejected', 'expired', 'superseded')),
  -- The partner's setting needed no second person: it took effect when it was asked for.
  waived boolean NOT NULL DEFAULT false,
  requested_by jsonb NOT NULL,
  requested_at timestamptz NOT NULL,
  expires_at timestamptz NOT NULL,
  decided_by jsonb,
  decided_at timestamptz,
  decision_reason text CHECK (length(decision_reason) <= 2000),
  -- What came of it.
  result jsonb,
  CHECK ((decided_at IS NULL) = (state = 'pending')),
  CHECK ((decided_by IS NOT NULL) = (state IN ('approved', 'rejected') AND NOT waived)),
  CHECK (NOT waived OR state = 'approved'),
  CHECK ((result IS NOT NULL) = (state = 'approved'))
);
-- One open or effective wish a subject.
CREATE UNIQUE INDEX approval_one_a_subject ON approval (partner_id, action, subject) WHERE state IN ('pending', 'approved');
CREATE INDEX approval_by_partner ON approval (partner_id, id DESC);

CREATE FUNCTION refuse_second_decision() RETURNS trigger
LANGUAGE plpgsql SET search_path = surety, pg_temp AS $$
BEGIN
  RAISE EXCEPTION 'an approval that is % is not decided again', OLD.state;
END
$$;
CREATE TRIGGER approval_decided_once BEFORE UPDATE ON approval
  FOR EACH ROW WHEN (OLD.state <> 'pending') EXECUTE FUNCTION refuse_second_decision();
CREATE TRIGGER approval_kept BEFORE DELETE OR TRUNCATE ON approval
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- Money that repays purchases by a bill (an older form of the contract), what sets the mirror right, and what comes back.
ALTER TABLE transfer DROP CONSTRAINT transfer_kind_check;
ALTER TABLE transfer ADD CONSTRAINT transfer_kind_check CHECK (kind IN (
  'credit', 'hold', 'capture', 'release', 'deposit', 'reserve', 'draw', 'unreserve', 'expiry', 'reversal',
  'repayment', 'correction', 'return_points', 'return_fund')) NOT VALID;

-- What moves money between the fund and the world, in the order of time, for statements; also of kinds to come.
CREATE INDEX transfer_of_fund ON transfer (partner_id, at, id)
  WHERE kind NOT IN ('credit', 'hold', 'capture', 'release', 'reserve', 'unreserve', 'expiry', 'reversal');
CREATE UNIQUE INDEX transfer_of_fund_once ON transfer (partner_id, kind, reference) WHERE kind IN ('repayment', 'correction');

-- Below which available money somebody should know, and whether it is.
ALTER TABLE fund
  ADD COLUMN low_water_minor bigint,
  ADD COLUMN is_low boolean NOT NULL DEFAULT false;

-- The same movements by quarters of an hour: months of every zone begin at one. What a balance at a month's beginning and
-- the runway are read from, however many transfers there are.
CREATE TABLE fund_flow (
  partner_id uuid NOT NULL,
  currency text NOT NULL,
  kind text NOT NULL,
  quarter timestamptz NOT NULL,
  incoming_minor bigint NOT NULL,
  outgoing_minor bigint NOT NULL,
  PRIMARY KEY (partner_id, currency, kind, quarter)
) WITH (fillfactor = 50);

-- Whoever books such a transfer has locked the account on its other side, so two never wait for each other here.
CREATE FUNCTION count_fund_flow() RETURNS trigger
LANGUAGE plpgsql SET search_path = surety, pg_temp AS $$
DECLARE
  v_debited account;
  v_credited account;
BEGIN
  SELECT * INTO v_debited FROM account WHERE id = NEW.debit;
  SELECT * INTO v_credited FROM account WHERE id = NEW.credit;
  IF v_debited.kind IN ('fund.external', 'fund.drawn') OR v_credited.kind IN ('fund.external', 'fund.drawn') THEN
    INSERT INTO fund_flow AS flow (partner_id, currency, kind, quarter, incoming_minor, outgoing_minor)
    VALUES (NEW.partner_id, v_debited.asset, NEW.kind, date_bin('15 minutes', NEW.at, '2000-01-01 00:00:00Z'),
      CASE WHEN v_debited.kind IN ('fund.external', 'fund.drawn') THEN NEW.amount ELSE 0 END,
      CASE WHEN v_credited.kind IN ('fund.external', 'fund.drawn') THEN NEW.amount ELSE 0 END)
    ON CONFLICT (partner_id, currency, kind, quarter) DO UPDATE SET
      incoming_minor = flow.incoming_minor + excluded.incoming_minor,
      outgoing_minor = flow.outgoing_minor + excluded.outgoing_minor;
  END IF;
  RETURN NULL;
END
$$;
CREATE TRIGGER transfer_flow AFTER INSERT ON transfer FOR EACH ROW
  WHEN (NEW.kind NOT IN ('credit', 'hold', 'capture', 'release', 'reserve', 'unreserve', 'expiry', 'reversal'))
  EXECUTE FUNCTION count_fund_flow();

-- What a person has done about the fund that moves no money: that it is trusted again, another mark.
CREATE TABLE fund_act (
  id uuid PRIMARY KEY DEFAULT uuidv7(),
  partner_id uuid NOT NULL REFERENCES partner,
  kind text NOT NULL CHECK (kind IN ('doubt_cleared', 'low_water_set')),
  body jsonb NOT NULL,
  actor jsonb NOT NULL,
  at timestamptz NOT NULL
);
CREATE INDEX fund_act_by_partner ON fund_act (partner_id, id DESC);
CREATE TRIGGER fund_act_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON fund_act
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

DO $$
DECLARE
  tenant_table text;
BEGIN
  FOREACH tenant_table IN ARRAY ARRAY['approval', 'fund_flow', 'fund_act']
  LOOP
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', tenant_table);
    EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', tenant_table);
    EXECUTE format('CREATE POLICY tenant ON %I USING (partner_id = (SELECT current_partner())) WITH CHECK (partner_id = (SELECT current_partner()))', tenant_table);
    EXECUTE format('CREATE POLICY everything ON %I FOR SELECT TO surety_monitor USING (true)', tenant_table);
    EXECUTE format('GRANT SELECT ON %I TO surety_monitor', tenant_table);
  END LOOP;
END
$$;
GRANT SELECT, INSERT, UPDATE (state, waived, decided_by, decided_at, decision_reason, result) ON approval TO surety_ledger;
GRANT SELECT, INSERT, UPDATE (incoming_minor, outgoing_minor) ON fund_flow TO surety_ledger;
GRANT SELECT, INSERT ON fund_act TO surety_ledger;
GRANT UPDATE (low_water_minor, is_low) ON fund TO surety_ledger;

-- What stands already is counted, and first keys get the new scopes, a partner at a time: row-level security is forced, so
-- the tables' owner sees the rows of the partner alone whose turn it is.
DO $$
DECLARE
  v_partners uuid[];
  v_partner uuid;
BEGIN
  PERFORM set_config('role', 'surety_directory', true);
  SELECT coalesce(array_agg(id), '{}') INTO v_partners FROM partner;
  PERFORM set_config('role', 'surety_owner', true);
  FOREACH v_partner IN ARRAY v_partners LOOP
    PERFORM set_config('surety.partner', v_partner::text, true);
    INSERT INTO fund_flow (partner_id, currency, kind, quarter, incoming_minor, outgoing_minor)
    SELECT v_partner, debited.asset, transfer.kind, date_bin('15 minutes', transfer.at, '2000-01-01 00:00:00Z'),
      coalesce(sum(amount) FILTER (WHERE debited.kind IN ('fund.external', 'fund.drawn')), 0),
      coalesce(sum(amount) FILTER (WHERE credited.kind IN ('fund.external', 'fund.drawn')), 0)
    FROM transfer
    JOIN account debited ON debited.id = transfer.debit JOIN account credited ON credited.id = transfer.credit
    WHERE transfer.kind IN ('deposit', 'draw')
    GROUP BY 2, 3, 4;
    UPDATE api_key SET scopes = ARRAY(SELECT DISTINCT unnest(scopes || ARRAY['payments:write', 'payments:read', 'points:write',
      'points:read', 'fund:read', 'fund:write', 'fund:approve', 'webhooks:write']))
    WHERE name = 'first' AND scopes @> ARRAY['payments:write', 'payments:read'];
  END LOOP;
  PERFORM set_config('surety.partner', '', true);
END
$$;
