-- How a partner's Invoicebox is spoken to, beside its address: page parameters, account, quota. Not among the settings:
-- the release before reads those strictly, and would stop at a key that it does not know.
SET LOCAL ROLE surety_owner;
SET LOCAL search_path = surety;

ALTER TABLE partner ADD COLUMN invoicebox_options jsonb NOT NULL DEFAULT '{}';
