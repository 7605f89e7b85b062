-- The proof of one payment: who confirmed what he saw, what was captured and drawn, Invoicebox's ids, the entries, and that
-- they stand in the audit chain.
CREATE OR REPLACE FUNCTION payment_passport(p_partner uuid, p_payment uuid) RETURNS jsonb
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = surety, pg_temp AS $$
BEGIN
  PERFORM set_config('surety.partner', p_partner::text, true);
  RETURN (
    SELECT jsonb_build_object(
      'paymentId', payment.id,
      'scheme', payment.scheme,
      'state', payment.state,
      'reason', payment.reason,
      'invoiceId', payment.invoice_id,
      'invoiceNumber', payment.invoice_number,
      'amountMinor', payment.amount_minor,
      'currency', payment.currency,
      'partnerOperationId', payment.id,
      'transactionId', payment.transaction_id,
      'memberId', payment.member_id,
      'openedBy', payment.opened_by,
      'confirmation', payment.confirmation,
      'openedAt', payment.opened_at,
      'paidAt', payment.paid_at,
      'pointsCaptured', (SELECT coalesce(sum(amount), 0)::bigint FROM transfer WHERE payment_id = p_payment AND kind = 'capture'),
      'fundDrawnMinor', (SELECT coalesce(sum(amount), 0)::bigint FROM transfer WHERE payment_id = p_payment AND kind = 'draw'),
      'returnedMinor', payment.returned_minor,
      'returnedPoints', payment.returned_points,
      'returns', (SELECT coalesce(jsonb_agg(jsonb_build_object('id', id, 'state', state, 'amountMinor', amount_minor,
        'points', points, 'fundRestored', fund_restored, 'reference', reference, 'requestedBy', requested_by,
        'decidedBy', decided_by, 'invoiceStatus', invoice_status, 'returnedAt', returned_at) ORDER BY id), '[]')
        FROM payment_return WHERE payment_id = p_payment),
      -- Whether what was paid is what was seen: read again afterwards, since the call itself carries no amount.
      'paidForWhatWasSeen', (SELECT jsonb_build_object('verdict', coalesce(verdict, 'pending'), 'readAt', read_at,
          'status', status, 'amountMinor', payment_check.amount_minor, 'currency', payment_check.currency)
        FROM (SELECT) AS one LEFT JOIN payment_check ON payment_check.payment_id = p_payment),
      'attempts', (SELECT coalesce(jsonb_agg(jsonb_build_object('n', n, 'startedAt', started_at, 'finishedAt', finished_at,
        'class', class, 'code', code, 'requestId', request_id) ORDER BY n), '[]')
        FROM payment_attempt WHERE payment_id = p_payment),
      'entries', (SELECT coalesce(jsonb_agg(jsonb_build_object('id', transfer.id, 'kind', transfer.kind,
        'debit', debited.kind, 'credit', credited.kind, 'asset', debited.asset, 'amount', transfer.amount,
        'reference', transfer.reference, 'at', transfer.at) ORDER BY transfer.id), '[]')
        FROM transfer JOIN account debited ON debited.id = transfer.debit JOIN account credited ON credited.id = transfer.credit
        WHERE transfer.payment_id = p_payment),
      'events', (SELECT coalesce(jsonb_agg(jsonb_build_object('seq', seq, 'type', type, 'body', body, 'at', at) ORDER BY seq), '[]')
        FROM payment_event WHERE payment_id = p_payment),
      'audit', audit_proof(p_partner, p_payment))
    FROM payment WHERE payment.id = p_payment);
END
$$;
