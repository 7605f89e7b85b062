// The last line of a test run: `N passed, N failed, N skipped`.
module.exports = class SummaryReporter {
  onRunComplete(_contexts, results) {
    const notRun = results.numRuntimeErrorTestSuites;
    const failed = results.numFailedTests + notRun;
    const skipped = results.numPendingTests + results.numTodoTests;
    process.once('exit', () => {
      process.stdout.write(`${results.numPassedTests} passed, ${failed} failed, ${skipped} skipped\n`);
    });
  }
};
