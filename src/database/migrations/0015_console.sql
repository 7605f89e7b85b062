-- The operator's console: who is logged in, what was done or looked at, and a role that reads what an operator may see.
DO $$
BEGIN
  CREATE ROLE surety_console LOGIN NOINHERIT;
EXCEPTION
  WHEN duplicate_object OR unique_violation THEN
    RAISE DEBUG 'role surety_console exists';
END
$$;
GRANT USAGE ON SCHEMA surety TO surety_console;

SET LOCAL ROLE surety_owner;
SET LOCAL search_path = surety;

-- A session, or a login under way: found by the hash of the id in the cookie, so that the table opens nothing.
CREATE TABLE operator_session (
  id_hash bytea PRIMARY KEY,
  operator text CHECK (length(operator) BETWEEN 1 AND 200),
  name text CHECK (length(name) BETWEEN 1 AND 200),
  roles text[] NOT NULL DEFAULT '{}',
  -- Ids of partners; '*' alone: all.
  partners text[] NOT NULL DEFAULT '{}',
  login jsonb,
  csrf_secret text NOT NULL,
  -- When he last proved who he is.
  authenticated_at timestamptz,
  seen_at timestamptz NOT NULL,
  expires_at timestamptz NOT NULL
);
CREATE INDEX operator_session_by_expiry ON operator_session (expires_at);
GRANT SELECT, INSERT, UPDATE, DELETE ON operator_session TO surety_api;

-- What operators did, looked at, or were refused: each line chained to the one before it (src/ledger/sql/operator_act.sql).
CREATE TABLE operator_act (
  n bigint PRIMARY KEY CHECK (n > 0),
  at timestamptz NOT NULL,
  operator text NOT NULL CHECK (length(operator) BETWEEN 1 AND 200),
  roles text[] NOT NULL,
  -- NULL: of no partner, or of several.
  partner_id uuid REFERENCES partner,
  action text NOT NULL CHECK (action ~ '^[a-z][a-z_.]{0,60}$'),
  subject_kind text NOT NULL,
  subject text NOT NULL CHECK (length(subject) <= 200),
  outcome text NOT NULL CHECK (length(outcome) <= 100),
  detail jsonb NOT NULL,
  request_id text NOT NULL,
  previous_hash bytea NOT NULL CHECK (length(previous_hash) = 32),
  hash bytea NOT NULL CHECK (length(hash) = 32)
);
CREATE INDEX operator_act_by_partner ON operator_act (partner_id, n DESC);
CREATE INDEX operator_act_by_subject ON operator_act (subject_kind, subject, n DESC);
CREATE INDEX operator_act_by_operator ON operator_act (operator, n DESC);
CREATE TRIGGER operator_act_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON operator_act
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
GRANT SELECT, INSERT ON operator_act TO surety_ledger;
GRANT SELECT ON operator_act TO surety_monitor;

-- What this operator may see: set at the beginning of each of the console's transactions, for which nothing is seen unless
-- it is set. The sub-selects are worked out once a query.
DO $$
DECLARE
  seen text;
  id_of text;
BEGIN
  FOREACH seen IN ARRAY ARRAY['partner', 'member', 'account', 'fund', 'payment', 'payment_event', 'transfer', 'lot', 'hold',
    'hold_lot', 'payment_attempt', 'payment_resolution', 'event', 'webhook_endpoint', 'webhook_delivery', 'credit_import',
    'approval', 'fund_flow', 'fund_act', 'organisation_spending', 'payment_batch', 'payment_batch_item', 'statement',
    'statement_line', 'statement_mapping', 'reconciliation', 'fund_difference', 'payment_check', 'payment_return',
    'payment_return_lot', 'audit_block', 'operator_act']
  LOOP
    id_of := CASE seen WHEN 'partner' THEN 'id' ELSE 'partner_id' END;
    EXECUTE format(
      'CREATE POLICY console ON %I FOR SELECT TO surety_console USING (
         (SELECT current_setting(''surety.operator_partners'', true)) = ''*''
         OR %I = ANY ((SELECT string_to_array(nullif(nullif(current_setting(''surety.operator_partners'', true), ''*''), ''''), '',''))::uuid[]))',
      seen, id_of);
  END LOOP;
END
$$;
ALTER TABLE operator_act ENABLE ROW LEVEL SECURITY;
ALTER TABLE operator_act FORCE ROW LEVEL SECURITY;
CREATE POLICY chain ON operator_act TO surety_ledger USING (true) WITH CHECK (true);
CREATE POLICY everything ON operator_act FOR SELECT TO surety_monitor USING (true);

GRANT SELECT ON member, account, fund, payment, payment_event, transfer, lot, hold, hold_lot, payment_attempt,
  payment_resolution, event, webhook_delivery, credit_import, approval, fund_flow, fund_act, organisation_spending,
  payment_batch, payment_batch_item, statement, statement_line, statement_mapping, reconciliation, fund_difference,
  payment_check, payment_return, payment_return_lot, audit_block, operator_act, ledger_epoch TO surety_console;
-- Neither tokens nor secrets, sealed or not.
DO $$
DECLARE
  plain text;
BEGIN
  SELECT string_agg(quote_ident(attname), ', ') INTO plain FROM pg_attribute
  WHERE attrelid = 'webhook_endpoint'::regclass AND attnum > 0 AND NOT attisdropped AND attname NOT LIKE '%secret%';
  EXECUTE format('GRANT SELECT (%s) ON webhook_endpoint TO surety_console', plain);
  SELECT string_agg(quote_ident(attname), ', ') INTO plain FROM pg_attribute
  WHERE attrelid = 'partner'::regclass AND attnum > 0 AND NOT attisdropped AND attname NOT LIKE '%sealed%';
  EXECUTE format('GRANT SELECT (%s) ON partner TO surety_console', plain);
END
$$;
