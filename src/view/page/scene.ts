// What a frame is drawn from.

import type { Palette } from "./palette.ts";
import type { Chosen, Light, RunModel } from "./run-model.ts";

export interface Scene {
  readonly model: RunModel;
  readonly palette: Palette;
  /** By kind. */
  readonly colours: readonly number[];
  /** Whether each message passes the filter. */
  readonly passes: Uint8Array;
  readonly chosen: Chosen | null;
  readonly light: Light | null;
  /** By message, whether it is of the operation that is followed; null: none is. */
  readonly followed: Uint8Array | null;
  readonly operation: number;
  readonly hovered: number;
}
