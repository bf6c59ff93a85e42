// Loss and delay of a fabric that runs, as who watches the cluster sets them: a page that the
// fabric reads every now and then.

import { mismatch, numbers } from "../evaluation/shape.ts";
import { readSharedPage, SharedPage } from "./shared-page.ts";

/** What --drop and --delay mean. */
export interface FabricControl {
  /** A share of 1. */
  readonly drop: number;
  readonly delayUs: number;
}

/** As --delay has it. */
export const DELAY_MAX_US = 1e7;

/** How long the fabric forwards between two looks, in seconds. */
export const CONTROL_SECONDS = 0.1;

/** What is wrong with a value that is to be set, null if nothing is. */
export function refuseControl(value: unknown): string | null {
  const wrong = mismatch(value, numbers("drop", "delayUs"), "");
  if (wrong !== null) return wrong;
  const { drop, delayUs } = value as FabricControl;
  if (drop < 0 || drop > 1) return "drop: expected 0 to 1";
  return delayUs < 0 || delayUs > DELAY_MAX_US ? `delayUs: expected 0 to ${DELAY_MAX_US}` : null;
}

/** Sets what the fabric reads from then on. */
export class FabricController {
  readonly #page: SharedPage;

  /** Throws UsageError. */
  constructor(path: string) {
    this.#page = new SharedPage(path);
  }

  set(control: FabricControl): void {
    this.#page.publish(JSON.stringify(control));
  }
}

/** What was set last; null before. */
export function readControl(path: string): FabricControl | null {
  const text = readSharedPage(path);
  if (text === null) return null;
  const value: unknown = JSON.parse(text);
  return refuseControl(value) === null ? (value as FabricControl) : null;
}
