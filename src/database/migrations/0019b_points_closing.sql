-- What the members of a programme had together when a day ended, so that nobody adds up all that has happened since.
SET LOCAL ROLE surety_owner;
SET LOCAL search_path = surety;

CREATE TABLE points_closing (
  partner_id uuid NOT NULL REFERENCES partner,
  ends_at timestamptz NOT NULL,
  -- As booked: with what had expired by then and was not booked yet.
  points bigint NOT NULL,
  PRIMARY KEY (partner_id, ends_at)
);
ALTER TABLE points_closing ENABLE ROW LEVEL SECURITY;
ALTER TABLE points_closing FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON points_closing USING (partner_id = (SELECT current_partner())) WITH CHECK (partner_id = (SELECT current_partner()));
CREATE POLICY everything ON points_closing FOR SELECT TO surety_monitor USING (true);
GRANT SELECT ON points_closing TO surety_monitor;
-- What the entries say, kept: it may be forgotten and made anew.
GRANT SELECT, INSERT, DELETE ON points_closing TO surety_ledger;
