-- A partner's events in the order in which their transactions may be read: nothing that commits later can come before what
-- was told already. That is what the xid is for (a sequence's order is not the order of commits); whatever may still be
-- writing holds back what is newer than itself.
-- horizon: of what is older, a page that is not full has told the last; so whoever waits for a rare type need not look again
-- at all that is of others.
CREATE OR REPLACE FUNCTION event_feed(p_partner uuid, p_after_xid text, p_after_position bigint, p_type text, p_limit integer) RETURNS json
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = surety, pg_temp
-- Which index serves depends on whether a type is asked for.
SET plan_cache_mode = force_custom_plan SET enable_sort = off AS $$
BEGIN
  PERFORM set_config('surety.partner', p_partner::text, true);
  RETURN (
    SELECT json_build_object('epoch', (SELECT epoch FROM ledger_epoch),
      'horizon', pg_snapshot_xmin(pg_current_snapshot())::text, 'events', coalesce(json_agg(json_build_object(
        'xid', xid::text, 'position', position, 'body', body) ORDER BY xid, position), '[]'))
    FROM (
      SELECT xid, position, body FROM event
      WHERE partner_id = p_partner AND (xid, position) > (p_after_xid::xid8, p_after_position)
        AND xid < pg_snapshot_xmin(pg_current_snapshot())
        AND type <> 'test' AND (p_type IS NULL OR type = p_type)
      ORDER BY xid, position
      LIMIT p_limit
    ) AS page);
END
$$;
