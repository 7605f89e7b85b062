/** What the page after an action says, by the word in its address: nobody can make it say anything else. */
export const doneWords: Readonly<Record<string, string>> = {
  approved: 'Approved, and done.',
  rejected: 'Rejected. Nothing was done.',
  withdrawn: 'Taken back. Nothing was done.',
  asked: 'Asked for. A second person has to approve it within a day.',
  asked_before: 'This was asked for before: here is how it stands.',
  performed: 'Done: the partner’s settings need no second person for this.',
  doubt_cleared: 'The doubt is cleared: payments can be opened again.',
  mark_set: 'The low-water mark is set.',
  run_wanted: 'It is under way: the list shows how it stands.',
  statement_uploaded: 'The statement is here, and is being compared with the books.',
  explained: 'Explained. It stays so as long as it is found with the same sum.',
  replayed: 'On its way again.',
  range_replayed: 'The whole span is on its way again.',
  range_begun: 'The first 10,000 of the span are on their way; replay the rest when they have arrived.',
  enabled: 'Enabled again. What it has missed can be replayed.',
};
