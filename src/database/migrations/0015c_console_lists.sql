-- What the console's lists are read by, and what a correction of the fund was asked for.
SET LOCAL ROLE surety_owner;
SET LOCAL search_path = surety;

CREATE INDEX operator_act_by_action ON operator_act (action, n DESC);
-- What waits for a second person waits for a day: few, however many were decided.
CREATE INDEX approval_waiting ON approval (expires_at) WHERE state = 'pending';
CREATE INDEX approval_by_state ON approval (state, id DESC);
