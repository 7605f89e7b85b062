-- Whose the lease of an Idempotency-Key is: a request that was overtaken while it stood still cannot say what the answer is.
SET LOCAL ROLE surety_owner;
SET LOCAL search_path = surety;

ALTER TABLE idempotency_key ADD COLUMN lease uuid;

-- Since when a key is being replaced, and when it would have ended without: another successor gets the life that it had.
ALTER TABLE api_key ADD COLUMN replaced_at timestamptz, ADD COLUMN own_expires_at timestamptz;
GRANT UPDATE (replaced_at, own_expires_at) ON api_key TO surety_api;
