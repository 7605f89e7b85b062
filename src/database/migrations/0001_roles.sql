-- Who may do what (design.md, section 4). Roles belong to the cluster, so another database may have made them already.
DO $$
DECLARE
  wanted record;
BEGIN
  FOR wanted IN
    SELECT * FROM (VALUES
      ('surety_owner', 'NOLOGIN'),      -- owns the tables
      ('surety_ledger', 'NOLOGIN'),     -- owns the ledger's functions: neither owner nor BYPASSRLS, so tenancy binds it too
      ('surety_directory', 'NOLOGIN'),  -- owns the few look-ups that come before a tenant is known
      ('surety_api', 'LOGIN'),
      ('surety_worker', 'LOGIN'),
      ('surety_monitor', 'LOGIN')       -- reads all tenants: sweeps, metrics, the views of violations
    ) AS role(name, login)
  LOOP
    BEGIN
      EXECUTE format('CREATE ROLE %I %s NOINHERIT', wanted.name, wanted.login);
    EXCEPTION
      WHEN duplicate_object OR unique_violation THEN
        RAISE DEBUG 'role % exists', wanted.name;
    END;
  END LOOP;
END
$$;

GRANT surety_owner, surety_ledger, surety_directory TO CURRENT_USER;
CREATE SCHEMA IF NOT EXISTS surety AUTHORIZATION surety_owner;
GRANT USAGE ON SCHEMA surety TO surety_ledger, surety_directory, surety_api, surety_worker, surety_monitor;
GRANT CREATE ON SCHEMA surety TO surety_ledger, surety_directory;
