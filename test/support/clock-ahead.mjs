/** Loaded before a program (node --import): its wall clock is an hour ahead. The monotonic clock stays. */
const aheadMs = 3_600_000;
const RealDate = Date;

globalThis.Date = class extends RealDate {
  constructor(...given) {
    if (given.length === 0) super(RealDate.now() + aheadMs);
    else super(...given);
  }

  static now() {
    return RealDate.now() + aheadMs;
  }
};
