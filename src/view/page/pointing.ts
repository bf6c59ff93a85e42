// What lies under a pointer: the nearest arrow, or the call of an actor on a lane.

import { isPicked, placeOf, strideOf, visibleMessages } from "./diagram.ts";
import type { Frame } from "./frame.ts";
import type { Scene } from "./scene.ts";

const NEAR_PX = 7;

/** The nearest message that is drawn; -1 if none is near. */
export function messageAt(scene: Scene, frame: Frame, x: number, y: number): number {
  const visible = visibleMessages(scene, frame);
  const stride = strideOf(visible.length);
  let nearest = -1;
  let least = NEAR_PX;
  for (const message of visible) {
    if (!isPicked(scene, message, stride)) continue;
    const [x0 = 0, y0 = 0, x1 = 0, y1 = 0] = placeOf(scene, frame, message);
    if (x < Math.min(x0, x1) - NEAR_PX || x > Math.max(x0, x1) + NEAR_PX) continue;
    const apart = distance(x - x0, y - y0, x1 - x0, y1 - y0);
    if (apart > least) continue;
    least = apart;
    nearest = message;
  }
  return nearest;
}

/** The nearest mark's call; -1 if none is near. */
export function handlerAt({ model }: Scene, frame: Frame, x: number, y: number): number {
  const { marks } = model.data;
  let nearest = -1;
  let least = NEAR_PX + 2;
  for (let i = 0; i < marks.kind.length; i++) {
    const atUs = marks.atUs[i] ?? 0;
    const handler = marks.handler[i] ?? -1;
    if (handler < 0 || atUs < frame.fromUs || atUs > frame.toUs) continue;
    const high = Math.abs(y - (frame.y[marks.process[i] ?? 0] ?? 0));
    const apart = Math.max(Math.abs(x - frame.x(atUs)), high - 8);
    if (apart > least) continue;
    least = apart;
    nearest = handler;
  }
  return nearest;
}

/** Of a point from a segment that begins at the origin. */
function distance(px: number, py: number, dx: number, dy: number): number {
  const square = dx * dx + dy * dy;
  const share = square === 0 ? 0 : Math.min(1, Math.max(0, (px * dx + py * dy) / square));
  return Math.hypot(px - share * dx, py - share * dy);
}
