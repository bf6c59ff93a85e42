// The keyboard: everything that a pointer can do.

/** What keys ask for. */
export interface KeyActions {
  pan(share: number): void;
  zoom(by: number): void;
  all(): void;
  step(by: 1 | -1): void;
  along(way: "cause" | "effect"): void;
  followChosen(): void;
  toggleWide(): void;
  violation(): void;
  focusSearch(): void;
  clear(): void;
  help(): void;
}

const PAN = 0.2;
const ZOOM = 1.5;

/** Keys count on the diagram and wherever nothing else takes them. */
export function listenToKeys(actions: KeyActions, root: HTMLElement): void {
  const keys = new Map<string, () => void>([
    ["ArrowLeft", () => actions.pan(-PAN)],
    ["ArrowRight", () => actions.pan(PAN)],
    ["+", () => actions.zoom(ZOOM)],
    ["=", () => actions.zoom(ZOOM)],
    ["-", () => actions.zoom(1 / ZOOM)],
    ["0", () => actions.all()],
    [",", () => actions.step(-1)],
    [".", () => actions.step(1)],
    ["ArrowUp", () => actions.along("cause")],
    ["ArrowDown", () => actions.along("effect")],
    ["f", () => actions.followChosen()],
    ["c", () => actions.toggleWide()],
    ["v", () => actions.violation()],
    ["/", () => actions.focusSearch()],
    ["Escape", () => actions.clear()],
    ["?", () => actions.help()],
  ]);
  addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const { target, key } = event;
    if (target instanceof HTMLInputElement && target.type === "search") {
      if (key === "Escape" || key === "Enter") root.querySelector<HTMLElement>("#diagram")?.focus();
      return;
    }
    const scrolls = key.startsWith("Arrow") && target instanceof Element;
    if (scrolls && target.closest("aside") !== null) return;
    const act = keys.get(key);
    if (act === undefined) return;
    event.preventDefault();
    act();
  });
}
