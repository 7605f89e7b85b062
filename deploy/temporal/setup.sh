#!/bin/sh
# What Surety needs on a Temporal server: its namespace, its search attributes, the rates of Invoicebox. Run again at
# each start: it sets the same values. Works against any server of one's own (TEMPORAL_ADDRESS).
set -eu

namespace=${TEMPORAL_NAMESPACE:-surety}
# Histories are evidence: 90 days.
retention=2160h

# A new namespace reaches all parts of the server within seconds; one that has just started answers after some more.
again() {
  tries=0
  until "$@"; do
    tries=$((tries + 1))
    if [ "$tries" -ge 30 ]; then
      echo "surety: gave up after $tries tries: $*" >&2
      exit 1
    fi
    sleep 2
  done
}

again temporal operator cluster health

if temporal operator namespace describe --namespace "$namespace" >/dev/null 2>&1; then
  temporal operator namespace update --namespace "$namespace" --retention "$retention"
else
  again temporal operator namespace create --namespace "$namespace" --retention "$retention"
fi

again temporal operator search-attribute create --namespace "$namespace" \
  --name PartnerId --type Keyword \
  --name InvoiceId --type Keyword \
  --name PaymentState --type Keyword \
  --name ReviewReason --type Keyword

# Invoicebox allows 100 requests in 30 s an account (3.1 a second keeps every window below it) and 500 an address.
again temporal task-queue config set --namespace "$namespace" \
  --task-queue invoicebox --task-queue-type activity \
  --fairness-key-rps-limit-default 3.1 --fairness-key-rps-limit-reason "Invoicebox: 100 requests in 30 s an account" \
  --queue-rps-limit 16 --queue-rps-limit-reason "Invoicebox: 500 requests in 30 s an address"

echo "surety: namespace $namespace is ready"
