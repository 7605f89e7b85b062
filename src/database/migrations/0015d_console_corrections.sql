-- What the console's lists are read by, and what was asked for to set a difference right.
SET LOCAL ROLE surety_owner;
SET LOCAL search_path = surety;

ALTER TABLE fund_difference ADD COLUMN correction_id uuid;
CREATE INDEX fund_difference_of_correction ON fund_difference (correction_id) WHERE correction_id IS NOT NULL;
CREATE INDEX fund_difference_by_state ON fund_difference (state, id DESC);
