// The last line of a test run: `N passed, N failed, N skipped`.
const graceMs = 20_000;

module.exports = class SummaryReporter {
  onRunComplete(_contexts, results) {
    const failed = results.numFailedTests + results.numRuntimeErrorTestSuites;
    const skipped = results.numPendingTests + results.numTodoTests;
    process.once('exit', () => {
      process.stdout.write(`${results.numPassedTests} passed, ${failed} failed, ${skipped} skipped\n`);
    });
    // A world that failed to open may keep the process alive: its children end with it.
    setTimeout(() => process.exit(failed === 0 ? 0 : 1), graceMs).unref();
  }
};
