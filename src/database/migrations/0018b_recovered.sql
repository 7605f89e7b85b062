-- What a recovery leaves to be done, and from when on it has to look (docs/backup.md).
SET LOCAL ROLE surety_owner;
SET LOCAL search_path = surety;

-- Points that a payment had taken, and that the restored books could not take: the credit that they were of is lost too, until
-- the partner sends it again.
CREATE TABLE points_owed (
  payment_id uuid PRIMARY KEY REFERENCES payment,
  partner_id uuid NOT NULL,
  member_id uuid NOT NULL,
  points bigint NOT NULL CHECK (points > 0),
  since timestamptz NOT NULL,
  taken_at timestamptz
);
CREATE INDEX points_owed_open ON points_owed (payment_id) WHERE taken_at IS NULL;
ALTER TABLE points_owed ENABLE ROW LEVEL SECURITY;
ALTER TABLE points_owed FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON points_owed USING (partner_id = current_partner()) WITH CHECK (partner_id = current_partner());
CREATE POLICY everything ON points_owed FOR SELECT TO surety_monitor USING (true);
CREATE POLICY look_up ON points_owed FOR SELECT TO surety_directory USING (true);
GRANT SELECT, INSERT, UPDATE (taken_at) ON points_owed TO surety_ledger;
GRANT SELECT ON points_owed TO surety_monitor, surety_directory;

-- The last thing that the ledger knows of, whoever's it is.
CREATE POLICY look_up ON payment_event FOR SELECT TO surety_directory USING (true);
GRANT SELECT (id, at) ON payment_event TO surety_directory;
