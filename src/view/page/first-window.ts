// What a page shows at first: what led to the violation, or the operation that took least time.

import type { RunModel } from "./run-model.ts";

/** Messages before a violation, of which handled ones count. */
const BEFORE_FAILURE = 60;
const MARGIN = 0.15;

export function firstWindow({ data, messages, count }: RunModel): readonly [number, number] {
  const [failure] = data.failures;
  if (failure !== undefined) {
    let left = BEFORE_FAILURE;
    let at = messages.sentUs.findLastIndex((sentUs) => sentUs <= failure.atUs);
    for (; at > 0 && left > 0; at--) {
      if (data.fates[messages.fate[at] ?? -1]?.class === "handled") left--;
    }
    const fromUs = count === 0 ? 0 : (messages.sentUs[Math.max(0, at)] ?? 0);
    return widened(Math.min(fromUs, failure.atUs - 1), failure.atUs);
  }
  const answered = data.operations.filter(({ answeredUs }) => answeredUs >= 0);
  const took = ({ askedUs, answeredUs }: (typeof answered)[number]) => answeredUs - askedUs;
  const [soonest] = answered.toSorted((a, b) => took(a) - took(b));
  if (soonest === undefined) return widened(0, Math.max(1, data.endUs));
  return widened(soonest.askedUs, soonest.answeredUs);
}

function widened(fromUs: number, toUs: number): readonly [number, number] {
  const wideUs = toUs - fromUs;
  return [fromUs - MARGIN * wideUs, toUs + MARGIN * wideUs];
}
