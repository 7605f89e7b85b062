-- Payments that came to their end are read again at Invoicebox, which tells what was paid: the call itself carries no amount,
-- and the merchant may take a payment back later without anybody telling us.

-- Looks through the partner's events for payments that have ended, p_limit of them from where it stopped: each paid one, and
-- each other one of which a call may have reached Invoicebox. Answers how many events it looked at.
CREATE OR REPLACE FUNCTION payment_check_discover(p_partner uuid, p_limit integer, p_at timestamptz) RETURNS integer
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = surety, pg_temp AS $$
DECLARE
  v_position payment_check_position;
  v_looked integer;
  v_xid xid8;
  v_last bigint;
BEGIN
  PERFORM set_config('surety.partner', p_partner::text, true);
  INSERT INTO payment_check_position (partner_id, xid, position) VALUES (p_partner, '0', 0) ON CONFLICT DO NOTHING;
  SELECT * INTO v_position FROM payment_check_position WHERE partner_id = p_partner FOR UPDATE;
  -- As the feed does (event_feed.sql): what commits later never comes before what was looked at.
  WITH page AS MATERIALIZED (
    SELECT xid, position, type, payment_id, at FROM event
    WHERE partner_id = p_partner AND (xid, position) > (v_position.xid, v_position.position)
      AND xid < pg_snapshot_xmin(pg_current_snapshot())
    ORDER BY xid, position LIMIT p_limit
  ), ended AS (
    INSERT INTO payment_check (payment_id, partner_id, ended_at, next_at)
    SELECT payment_id, p_partner, min(at), CASE WHEN min(at) > p_at - interval '32 days' THEN p_at END
    FROM page
    WHERE type = 'payment.paid' OR type IN ('payment.declined', 'payment.expired', 'payment.cancelled') AND EXISTS (
      SELECT FROM payment_attempt attempt
      WHERE attempt.payment_id = page.payment_id AND attempt.class IS DISTINCT FROM 'not_executed')
    GROUP BY payment_id
    ON CONFLICT DO NOTHING
  )
  SELECT count(*), (array_agg(xid ORDER BY xid DESC, position DESC))[1], (array_agg(position ORDER BY xid DESC, position DESC))[1]
  INTO v_looked, v_xid, v_last FROM page;
  IF v_looked > 0 THEN
    UPDATE payment_check_position SET xid = v_xid, position = v_last WHERE partner_id = p_partner;
  END IF;
  RETURN v_looked;
END
$$;

-- Which are to be read now, longest due first: [{paymentId, invoiceId}].
CREATE OR REPLACE FUNCTION payment_check_due(p_partner uuid, p_limit integer, p_at timestamptz) RETURNS jsonb
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = surety, pg_temp AS $$
BEGIN
  PERFORM set_config('surety.partner', p_partner::text, true);
  RETURN (
    SELECT coalesce(jsonb_agg(jsonb_build_object('paymentId', id, 'invoiceId', invoice_id)), '[]') FROM (
      SELECT payment.id, payment.invoice_id FROM payment_check JOIN payment ON payment.id = payment_check.payment_id
      WHERE payment_check.partner_id = p_partner AND next_at <= p_at ORDER BY next_at, payment.id LIMIT p_limit) AS due);
END
$$;

-- Keeps what was read, and what of it disagrees. p_reads: [{paymentId, status, amountMinor | null, currency}]; the status
-- `not_found` where Invoicebox knows no such invoice, `unread` where nothing was learned of it.
-- A paid payment's invoice reads paid, with the sum that was seen (a sum of 0 says nothing: the contract is silent about what
-- it is after a payment); one that a call may have paid and that ended unpaid here does not, unless another payment paid it.
-- It is read again when the payment is twice as old, until after 32 days nothing is expected any more.
-- Answers {opened}: how many differences are new.
CREATE OR REPLACE FUNCTION payment_check_store(p_partner uuid, p_reads jsonb, p_at timestamptz) RETURNS jsonb
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = surety, pg_temp AS $$
DECLARE
  v_read record;
  v_kind text;
  v_is_told boolean;
  v_opened integer := 0;
BEGIN
  PERFORM set_config('surety.partner', p_partner::text, true);
  FOR v_read IN
    SELECT payment.*, seen.status AS seen_status, seen."amountMinor" AS seen_minor, seen.currency AS seen_currency,
      coalesce((SELECT sum(amount) FROM transfer WHERE transfer.payment_id = payment.id AND transfer.kind = 'return_fund'), 0)
        AS restored_minor,
      EXISTS (SELECT FROM payment_attempt attempt WHERE attempt.payment_id = payment.id
        AND (attempt.class IS NULL OR attempt.class = 'unknown')) AS is_doubtful,
      EXISTS (SELECT FROM payment other WHERE other.partner_id = p_partner AND other.invoice_id = payment.invoice_id
        AND other.id <> payment.id AND other.state = 'paid') AS is_paid_by_another
    FROM jsonb_to_recordset(p_reads) AS seen("paymentId" uuid, status text, "amountMinor" bigint, currency text)
    JOIN payment ON payment.id = seen."paymentId"
    ORDER BY payment.id
  LOOP
    IF v_read.seen_status IN ('unread', 'unknown') THEN
      UPDATE payment_check SET next_at = p_at + interval '1 hour' WHERE payment_id = v_read.id;
      CONTINUE;
    END IF;
    v_is_told := v_read.seen_status = 'paid' AND v_read.seen_minor > 0;
    v_kind := CASE
      WHEN v_read.state = 'paid' AND v_read.seen_status <> 'paid'
        AND NOT (v_read.seen_status = 'canceled' AND v_read.restored_minor >= v_read.amount_minor) THEN 'state'
      WHEN v_read.state = 'paid' AND v_is_told
        AND (v_read.seen_minor, v_read.seen_currency) IS DISTINCT FROM (v_read.amount_minor, v_read.currency) THEN 'amount'
      WHEN v_read.state <> 'paid' AND v_read.seen_status = 'paid' AND v_read.is_doubtful AND NOT v_read.is_paid_by_another
        AND v_read.reason IS DISTINCT FROM 'paid_elsewhere' THEN 'state'
    END;
    IF v_kind IS NOT NULL AND fund_difference_find(p_partner, v_kind, 'payment:' || v_read.id, v_read.currency,
      CASE v_kind WHEN 'amount' THEN v_read.amount_minor - v_read.seen_minor ELSE v_read.amount_minor END, v_read.id, NULL, NULL,
      jsonb_build_object('ours', v_read.state, 'theirs', v_read.seen_status, 'oursMinor', v_read.amount_minor,
        'theirsMinor', v_read.seen_minor, 'theirsCurrency', v_read.seen_currency), p_at)
    THEN
      v_opened := v_opened + 1;
    END IF;
    PERFORM fund_difference_close(p_partner, 'payment:' || v_read.id, v_kind, p_at);
    -- Canceled before shipment, the whole sum goes back to the payer's fund (contract, section 4).
    IF v_kind = 'state' AND v_read.state = 'paid' AND v_read.seen_status = 'canceled' THEN
      PERFORM payment_return_propose(p_partner, v_read.id, NULL, 'canceled-' || v_read.invoice_id,
        'Reconciliation: the invoice reads canceled', p_at);
    END IF;
    UPDATE payment_check SET read_at = p_at, status = v_read.seen_status, amount_minor = v_read.seen_minor,
      currency = v_read.seen_currency,
      verdict = CASE
        WHEN v_read.state <> 'paid' OR NOT v_is_told THEN verdict
        WHEN v_kind = 'amount' THEN 'differs'
        ELSE 'equal' END,
      next_at = CASE WHEN p_at < ended_at + interval '32 days'
        THEN greatest(ended_at + 2 * (p_at - ended_at), p_at + interval '1 day') END
    WHERE payment_id = v_read.id;
  END LOOP;
  RETURN jsonb_build_object('opened', v_opened);
END
$$;

-- Proposes a return that was found, where no other return stands for the same money: of p_amount_minor, or of all that is left.
CREATE OR REPLACE FUNCTION payment_return_propose(
  p_partner uuid, p_payment uuid, p_amount_minor bigint, p_reference text, p_reason text, p_at timestamptz
) RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = surety, pg_temp AS $$
DECLARE
  v_free bigint;
BEGIN
  PERFORM FROM payment WHERE id = p_payment AND state = 'paid' FOR UPDATE;
  IF NOT FOUND THEN
    RETURN;
  END IF;
  SELECT payment.amount_minor - coalesce((SELECT sum(payment_return.amount_minor) FROM payment_return
    WHERE payment_id = p_payment AND payment_return.state <> 'rejected'), 0)
  INTO v_free FROM payment WHERE id = p_payment;
  IF v_free > 0 AND coalesce(p_amount_minor, v_free) <= v_free THEN
    PERFORM payment_return_open(p_partner, p_payment, coalesce(p_amount_minor, v_free), true, p_reference, p_reason,
      jsonb_build_object('kind', 'saga', 'id', 'reconciliation'), p_at, true);
  END IF;
END
$$;
