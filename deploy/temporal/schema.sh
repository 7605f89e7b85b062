#!/bin/sh
# Brings both of Temporal's databases to the schema of this version of the server. Run before each start of the server;
# it changes nothing that is already there. The password comes as SQL_PASSWORD.
set -eu

for database in temporal:temporal temporal_visibility:visibility; do
  name=${database%:*}
  schema=/etc/temporal/schema/postgresql/v12/${database#*:}/versioned
  sql() {
    temporal-sql-tool --plugin postgres12 --ep "$SQL_HOST" -p 5432 -u temporal --db "$name" "$@"
  }
  sql setup-schema -v 0.0
  sql update-schema -d "$schema"
done
