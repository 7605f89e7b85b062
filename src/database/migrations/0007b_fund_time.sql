-- When entries were made, coarsely: the table is written in that order, so a few kilobytes tell where to look. What has
-- happened since a day, and so the points outstanding at its end, need not be looked for in all the years before.
SET LOCAL ROLE surety_owner;
SET LOCAL search_path = surety;

CREATE INDEX transfer_by_time ON transfer USING brin (at);
