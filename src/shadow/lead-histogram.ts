/** How many minutes are kept: the last hour. */
const keptMinutes = 60;

/** What has been measured in the last minutes is new. Only what is older is usual. */
const newMinutes = 2;

const minuteMs = 60_000;

/** Buckets for each doubling of a lead. So a bucket's bounds are a fifth apart. */
const bucketsPerDoubling = 4;

/** The last bucket begins at some hours. */
const bucketCount = 100;

type Minute = { number: number; readonly counts: Uint32Array };

/**
 * The leads of a shadow in the last hour. It takes some kilobytes, however many are added. Deterministic.
 */
export class LeadHistogram {
  readonly #minutes = Array.from({ length: keptMinutes + newMinutes }, (): Minute => ({
    number: Number.NEGATIVE_INFINITY,
    counts: new Uint32Array(bucketCount),
  }));

  /** Adds a lead that was measured now. */
  add(leadMs: number, nowMs: number): void {
    const number = Math.floor(nowMs / minuteMs);
    const minute = this.#minutes[number % this.#minutes.length];
    if (minute === undefined) return;
    if (minute.number !== number) {
      minute.number = number;
      minute.counts.fill(0);
    }
    const bucket = bucketOf(leadMs);
    minute.counts[bucket] = (minute.counts[bucket] ?? 0) + 1;
  }

  /** The lead that so large a share of the leads of the last hour doesn't exceed. The newest ones don't count yet. */
  quantile(share: number, nowMs: number): number {
    const last = Math.floor(nowMs / minuteMs) - newMinutes;
    const usual = this.#minutes.filter(({ number }) => number <= last && number > last - keptMinutes);
    const counts = Array.from({ length: bucketCount }, (_, bucket) =>
      usual.reduce((sum, minute) => sum + (minute.counts[bucket] ?? 0), 0),
    );
    const wanted = counts.reduce((sum, count) => sum + count, 0) * share;
    let seen = 0;
    for (const [bucket, count] of counts.entries()) {
      seen += count;
      if (seen >= wanted) return endOf(bucket);
    }
    return endOf(bucketCount);
  }
}

function bucketOf(leadMs: number): number {
  if (leadMs < 1) return 0;
  return Math.min(1 + Math.floor(Math.log2(leadMs) * bucketsPerDoubling), bucketCount - 1);
}

/** The upper bound of a bucket's leads. */
function endOf(bucket: number): number {
  return bucket === 0 ? 0 : 2 ** (bucket / bucketsPerDoubling);
}
