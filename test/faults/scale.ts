/** Times of production, scaled down by settings alone, so that a run takes minutes. Printed at the start of a run. */
export const scale = {
  workerEnvironment: {
    INVOICEBOX_CONNECT_TIMEOUT_MS: '500',
    INVOICEBOX_READ_TIMEOUT_MS: '1000',
    INVOICEBOX_CONFIRM_TIMEOUT_MS: '1500',
  },
  temporalSetup: {
    INVOICEBOX_CALLS_PER_SECOND_ACCOUNT: '200',
    INVOICEBOX_CALLS_PER_SECOND_ADDRESS: '400',
    SWEEP_EVERY_MS: '1000',
    SWEEP_GRACE_MS: '1500',
    SWEEP_HOLD_AGE_MS: '6000',
  },
  /** A payment's own times; quietMs exceeds connect and confirm together. */
  timings: {
    // Longer than a dead worker's task is waited for (7 s), which is not scaled.
    freshnessMs: 10_000,
    pendingGapMs: 200,
    quietMs: 2_500,
    marginMs: 3_000,
    // Never in a run's time, except where a cell is about giving up.
    giveUpAfterMs: 600_000,
    waitScale: 0.01,
  },
  /** Of payments that are to be given up while Invoicebox is away. */
  hastyGiveUpAfterMs: 3_000,
  /** Nobody waits longer for a call that hangs at Invoicebox. */
  callGivenUpAfterMs: 1_500,
  /** Longer than a heartbeat's time-out (6 s), a workflow task's (5 s) and every call. */
  freezeMs: 7_000,
  twinCutsMs: 1_000,
  twinClosesIdleMs: 5_000,
  /** So long the twin keeps an idle socket then. */
  shortKeepAliveMs: 5,
  /** 30 s in production's terms. */
  temporalAwayMs: 3_000,
  readOnlyMs: 1_000,
  clockShiftMs: 3_600_000,
} as const;

export const scaleInWords = `confirm time-out ${scale.workerEnvironment.INVOICEBOX_CONFIRM_TIMEOUT_MS} ms for 30 s · freshness ${scale.timings.freshnessMs} ms for 60 s · quiet ${scale.timings.quietMs} ms for 120 s · margin ${scale.timings.marginMs} ms for 10 min · other waits ×${scale.timings.waitScale} · sweeps every ${scale.temporalSetup.SWEEP_EVERY_MS} ms for 60 s · Temporal away ${scale.temporalAwayMs} ms for 30 s · processes frozen ${scale.freezeMs} ms · clocks ±${scale.clockShiftMs / 3_600_000} h`;
