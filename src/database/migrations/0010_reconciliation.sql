-- Reconciliation: Invoicebox's statements against the fund's mirror, its invoices against payments, and what of it disagrees.
SET LOCAL ROLE surety_owner;
SET LOCAL search_path = surety;

-- How this partner's statements are written. Not among the settings, which the release before reads strictly.
CREATE TABLE statement_mapping (
  partner_id uuid PRIMARY KEY REFERENCES partner,
  mapping jsonb NOT NULL,
  changed_by jsonb NOT NULL,
  changed_at timestamptz NOT NULL
);

CREATE TABLE statement (
  id uuid PRIMARY KEY DEFAULT uuidv7(),
  partner_id uuid NOT NULL REFERENCES partner,
  -- Of the Idempotency-Key and who sent it: the key belongs to the statement.
  key_hash bytea NOT NULL,
  -- receiving: its body comes in; received: it is here, whole and readable; taken: its lines are among the others;
  -- reconciled: they were compared with the books.
  state text NOT NULL DEFAULT 'receiving' CHECK (state IN ('receiving', 'received', 'taken', 'reconciled')),
  mapping jsonb NOT NULL,
  actor jsonb NOT NULL,
  -- A body that is sent again after a cut connection is received anew: lines of an older reception are refused.
  reception integer NOT NULL DEFAULT 1,
  received_at timestamptz NOT NULL,
  sha256 bytea,
  -- What it tells of: movements from the one moment on and before the other, in these currencies.
  covers_from timestamptz,
  covers_to timestamptz,
  currencies text[] NOT NULL DEFAULT '{}',
  -- By currency: opening and closing balance where it states them, what came in and went out.
  balances jsonb NOT NULL DEFAULT '[]',
  total_lines integer NOT NULL DEFAULT 0,
  movements integer NOT NULL DEFAULT 0,
  new_movements integer NOT NULL DEFAULT 0,
  -- How far its lines are taken, in the order of their identities.
  taken_identity uuid,
  taken_line integer,
  taken_ordinal integer NOT NULL DEFAULT 0,
  created_at timestamptz NOT NULL,
  reconciled_at timestamptz,
  UNIQUE (partner_id, key_hash),
  CHECK (state = 'receiving' OR covers_from IS NOT NULL AND covers_to IS NOT NULL AND sha256 IS NOT NULL)
);
CREATE INDEX statement_by_partner ON statement (partner_id, id DESC);
CREATE INDEX statement_to_reconcile ON statement (partner_id, id) WHERE state IN ('received', 'taken');

-- Lines as they came, kept until they are taken.
CREATE TABLE statement_line_received (
  statement_id uuid NOT NULL REFERENCES statement ON DELETE CASCADE,
  identity uuid NOT NULL,
  line integer NOT NULL,
  partner_id uuid NOT NULL,
  day date NOT NULL,
  at timestamptz,
  transaction_id text,
  operation_id text,
  invoice_number text,
  amount_minor bigint NOT NULL,
  currency text NOT NULL,
  PRIMARY KEY (statement_id, identity, line)
);

-- A movement that Invoicebox tells of, once, in however many statements it stands. Its identity is made of what it says;
-- movements that say the same of one day are told apart by their number among each other.
CREATE TABLE statement_line (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  partner_id uuid NOT NULL,
  -- The first in which it stood. No foreign key, which would cost a third of the line (decisions.md); it is never deleted.
  statement_id uuid NOT NULL,
  line integer NOT NULL,
  identity uuid NOT NULL,
  ordinal integer NOT NULL,
  -- In the statement's zone.
  day date NOT NULL,
  at timestamptz,
  transaction_id text,
  -- Ours: the payment's id.
  operation_id text,
  invoice_number text,
  -- Of the fund: below zero where money left it.
  amount_minor bigint NOT NULL CHECK (amount_minor <> 0),
  currency text NOT NULL,
  -- The entry of our books that this is, and by what it was found; no entry is two lines.
  transfer_id uuid,
  matched_by text CHECK (matched_by IN ('transaction', 'operation', 'reference', 'invoice')),
  -- The entry says another sum.
  differs boolean NOT NULL DEFAULT false,
  -- Entries that it may be, where more of them than lines fit: which of them is missing nobody can know.
  candidates uuid[],
  UNIQUE (partner_id, identity, ordinal),
  CHECK ((transfer_id IS NULL) = (matched_by IS NULL))
);
CREATE UNIQUE INDEX statement_line_of_entry ON statement_line (transfer_id) WHERE transfer_id IS NOT NULL;
CREATE INDEX statement_line_unmatched ON statement_line (partner_id, id) WHERE transfer_id IS NULL;
CREATE INDEX statement_line_differs ON statement_line (partner_id, id) WHERE differs;

-- A run of reconciliation. One waits or runs a partner, in the order in which they were wanted.
CREATE TABLE reconciliation (
  id uuid PRIMARY KEY DEFAULT uuidv7(),
  partner_id uuid NOT NULL REFERENCES partner,
  wanted_by text NOT NULL CHECK (wanted_by IN ('schedule', 'request', 'statement')),
  actor jsonb NOT NULL,
  state text NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'running', 'finished', 'failed')),
  -- Invoices of payments that came to their end since then are read again, however lately they were read.
  read_since timestamptz,
  failure text,
  -- What it did and found, in numbers.
  result jsonb NOT NULL DEFAULT '{}',
  created_at timestamptz NOT NULL,
  started_at timestamptz,
  finished_at timestamptz,
  CHECK ((failure IS NOT NULL) = (state = 'failed')),
  CHECK ((finished_at IS NOT NULL) = (state IN ('finished', 'failed')))
);
CREATE INDEX reconciliation_by_partner ON reconciliation (partner_id, id DESC);
CREATE UNIQUE INDEX reconciliation_one_runs ON reconciliation (partner_id) WHERE state = 'running';
CREATE UNIQUE INDEX reconciliation_one_waits ON reconciliation (partner_id) WHERE state = 'waiting';

-- Where the books and Invoicebox disagree. `subject` says about what: a line, an entry or a payment.
CREATE TABLE fund_difference (
  id uuid PRIMARY KEY DEFAULT uuidv7(),
  partner_id uuid NOT NULL REFERENCES partner,
  kind text NOT NULL CHECK (kind IN ('ours_only', 'theirs_only', 'amount', 'state', 'duplicate', 'ambiguous')),
  subject text NOT NULL,
  state text NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'explained', 'corrected', 'closed')),
  currency text NOT NULL,
  -- Of the fund: what the statement says beyond the books (theirs), or the books beyond it (ours).
  amount_minor bigint NOT NULL,
  payment_id uuid REFERENCES payment,
  line_id bigint REFERENCES statement_line,
  transfer_id uuid,
  -- What was compared, in codes and numbers.
  detail jsonb NOT NULL DEFAULT '{}',
  first_seen_at timestamptz NOT NULL,
  last_seen_at timestamptz NOT NULL,
  closed_at timestamptz,
  reopened integer NOT NULL DEFAULT 0,
  -- What a person said of it; stays in the database.
  reason text CHECK (length(reason) BETWEEN 1 AND 2000),
  approval_id uuid,
  explained_by jsonb,
  explained_at timestamptz,
  UNIQUE (partner_id, subject, kind),
  CHECK ((closed_at IS NOT NULL) = (state = 'closed')),
  CHECK (state NOT IN ('explained', 'corrected') OR reason IS NOT NULL AND explained_by IS NOT NULL AND explained_at IS NOT NULL),
  CHECK (state <> 'corrected' OR approval_id IS NOT NULL)
);
CREATE INDEX fund_difference_by_partner ON fund_difference (partner_id, id DESC);
CREATE INDEX fund_difference_open ON fund_difference (partner_id, id DESC) WHERE state = 'open';

-- What Invoicebox reads of an invoice after its payment came to its end; read again while something may still change.
CREATE TABLE payment_check (
  payment_id uuid PRIMARY KEY REFERENCES payment,
  partner_id uuid NOT NULL,
  ended_at timestamptz NOT NULL,
  -- NULL: not read again.
  next_at timestamptz,
  read_at timestamptz,
  status text,
  amount_minor bigint,
  currency text,
  -- Whether what was paid is what was seen.
  verdict text NOT NULL DEFAULT 'pending' CHECK (verdict IN ('pending', 'equal', 'differs'))
);
CREATE INDEX payment_check_due ON payment_check (partner_id, next_at) WHERE next_at IS NOT NULL;

-- How far a partner's events were looked through for payments to check.
CREATE TABLE payment_check_position (
  partner_id uuid PRIMARY KEY REFERENCES partner,
  xid xid8 NOT NULL,
  position bigint NOT NULL
);

DO $$
DECLARE
  tenant_table text;
BEGIN
  FOREACH tenant_table IN ARRAY ARRAY['statement_mapping', 'statement', 'statement_line_received', 'statement_line', 'reconciliation',
    'fund_difference', 'payment_check', 'payment_check_position']
  LOOP
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', tenant_table);
    EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', tenant_table);
    EXECUTE format('CREATE POLICY tenant ON %I USING (partner_id = (SELECT current_partner())) WITH CHECK (partner_id = (SELECT current_partner()))', tenant_table);
    EXECUTE format('CREATE POLICY everything ON %I FOR SELECT TO surety_monitor USING (true)', tenant_table);
    EXECUTE format('GRANT SELECT ON %I TO surety_monitor', tenant_table);
  END LOOP;
END
$$;
GRANT SELECT, INSERT, UPDATE, DELETE ON statement TO surety_ledger;
GRANT SELECT, INSERT, DELETE ON statement_line_received TO surety_ledger;
GRANT SELECT, INSERT, UPDATE (transfer_id, matched_by, differs, candidates) ON statement_line TO surety_ledger;
GRANT SELECT, INSERT, UPDATE ON statement_mapping, reconciliation, fund_difference, payment_check, payment_check_position TO surety_ledger;
-- Whose reconciliations wait: asked before a tenant is known.
CREATE POLICY look_up ON reconciliation FOR SELECT TO surety_directory USING (true);
GRANT SELECT (id, partner_id, state, created_at) ON reconciliation TO surety_directory;
CREATE INDEX reconciliation_unfinished ON reconciliation (created_at) WHERE state IN ('waiting', 'running');
