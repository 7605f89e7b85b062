// Preloaded into a worker (`node --import`): its wall clock is wrong by FAULTS_CLOCK_SHIFT_MS. Durations stay true.
const shiftMs = Number(process.env.FAULTS_CLOCK_SHIFT_MS ?? '0');
const TrueDate = globalThis.Date;

globalThis.Date = class Date extends TrueDate {
  constructor(...args) {
    if (args.length === 0) super(TrueDate.now() + shiftMs);
    else super(...args);
  }

  static now() {
    return TrueDate.now() + shiftMs;
  }
};
