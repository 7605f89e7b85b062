-- Whoever watches the books has no business with what opens them.
SET LOCAL ROLE surety_owner;
SET LOCAL search_path = surety;

REVOKE SELECT ON session, login_token FROM surety_monitor;
