-- Pages of what a partner takes along, by id from after p_after (exclusive): short readings, so that a slow reader keeps
-- nothing open.

CREATE OR REPLACE FUNCTION export_members(p_partner uuid, p_after uuid, p_limit integer, p_at timestamptz) RETURNS jsonb
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = surety, pg_temp AS $$
BEGIN
  PERFORM set_config('surety.partner', p_partner::text, true);
  RETURN (
    SELECT coalesce(jsonb_agg(jsonb_build_object(
      'id', page.id, 'externalId', CASE WHEN erased_at IS NULL THEN external_id END,
      'available', coalesce(spendable.points, 0), 'held', coalesce(held.balance, 0),
      'nextExpiresOn', last_day(spendable.next, partner_zone(p_partner)),
      'createdAt', created_at, 'erasedAt', erased_at) ORDER BY page.id), '[]')
    FROM (SELECT * FROM member WHERE partner_id = p_partner AND (p_after IS NULL OR id > p_after) ORDER BY id LIMIT p_limit) AS page
    LEFT JOIN account held ON held.partner_id = p_partner AND held.kind = 'member.held' AND held.owner = page.id AND held.asset = 'points'
    LEFT JOIN LATERAL (
      SELECT sum(remaining)::bigint AS points, min(expires_at) AS next FROM lot
      WHERE member_id = page.id AND NOT spent AND (expires_at IS NULL OR expires_at > p_at)) AS spendable ON true);
END
$$;

-- Entries of points, each from the member's side as in member_entries, by the transaction that wrote them and by id: from after
-- p_after, until what may still be being written (p_until; NULL: now). So an entry comes once, whenever it is of: expiry is
-- booked at the day's end, however late, and an import's entries are older than its commit.
-- {epoch, until, entries}.
DROP FUNCTION IF EXISTS export_entries(uuid, uuid, integer, timestamptz, timestamptz);
CREATE OR REPLACE FUNCTION export_entries(
  p_partner uuid, p_after_xid text, p_after_id uuid, p_until text, p_limit integer, p_from timestamptz, p_to timestamptz
) RETURNS jsonb
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = surety, pg_temp
SET plan_cache_mode = force_custom_plan SET enable_sort = off AS $$
DECLARE
  -- Of one statement with nothing: what it calls finished is, for every statement after it.
  v_until xid8 := least(p_until::xid8, pg_snapshot_xmin(pg_current_snapshot()));
BEGIN
  PERFORM set_config('surety.partner', p_partner::text, true);
  RETURN (
    SELECT jsonb_build_object('epoch', (SELECT epoch FROM ledger_epoch), 'until', v_until::text, 'entries', coalesce(jsonb_agg(
      jsonb_build_object('xid', page.xid::text, 'id', page.id, 'memberId', coalesce(debited.owner, credited.owner),
      'kind', page.kind,
      'points', CASE
        WHEN credited.kind = 'member.available' THEN page.amount
        WHEN debited.kind = 'member.available' THEN -page.amount
        ELSE 0 END,
      'reference', page.reference, 'paymentId', page.payment_id, 'creditId', page.origin,
      -- Several lots of one entry were made at once and end at once.
      'expiresOn', last_day((SELECT max(expires_at) FROM lot
        WHERE lot.transfer_id = page.id AND (lot.id = page.id OR lot.id <> lot.transfer_id)), partner_zone(p_partner)),
      'at', page.at) ORDER BY page.xid, page.id), '[]'))
    FROM (
      SELECT * FROM transfer
      WHERE partner_id = p_partner AND kind IN ('credit', 'hold', 'capture', 'release', 'expiry', 'reversal', 'return_points')
        AND (p_after_id IS NULL OR (xid, id) > (p_after_xid::xid8, p_after_id)) AND xid < v_until
        AND (p_from IS NULL OR at >= p_from) AND (p_to IS NULL OR at < p_to)
      ORDER BY xid, id LIMIT p_limit
    ) AS page
    JOIN account debited ON debited.id = page.debit JOIN account credited ON credited.id = page.credit);
END
$$;
