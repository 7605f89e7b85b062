/** What the page after an action says, by the word in its address: nobody can make it say anything else. */
export const doneWords: Readonly<Record<string, string>> = {
  probed: 'The invoice was read just now. What it said stands below.',
  probe_unreadable: 'The invoice could not be read just now. Nothing has changed, and the schedule goes on.',
  probe_ended: 'The invoice was read just now, and that was the proof: the payment is over.',
  confirm_sent: 'The confirm was repeated with the same operation id. What came of it stands below.',
  confirm_waits:
    'It is not safe yet to repeat the confirm. At “next probe” the invoice is read again, and the confirm is repeated if it still reads pending.',
  confirm_not_allowed:
    'The confirm was not repeated: what the invoice reads, or what it is in review for, does not allow it.',
  resolved_paid: 'Resolved: paid by us. The points are captured and the fund is drawn.',
  resolved_paid_elsewhere: 'Resolved: paid by somebody else. What was held is given back.',
  resolved_not_paid: 'Resolved: not paid. What was held is given back.',
  unanswered: 'The payment’s workflow has not answered yet, and may still do it. Look below before you do it again.',
};
