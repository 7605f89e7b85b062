/** What the page after an action says, by the word in its address: nobody can make it say anything else. */
export const doneWords: Readonly<Record<string, string>> = {
  approved: 'Approved, and done.',
  rejected: 'Rejected. Nothing was done.',
  withdrawn: 'Taken back. Nothing was done.',
};
