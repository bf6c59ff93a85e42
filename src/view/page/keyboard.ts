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

/** Keys count on the diagram and wherever nothing else takes them; so do `more`. */
export function listenToKeys(
  actions: KeyActions,
  root: HTMLElement,
  more: ReadonlyMap<string, () => void>,
): void {
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
    ...more,
  ]);
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const { target, key } = event;
    if (target instanceof HTMLInputElement && target.type === "search") {
      if (key === "Escape" || key === "Enter") root.querySelector<HTMLElement>("#diagram")?.focus();
      return;
    }
    const writes = target instanceof HTMLInputElement && target.type !== "checkbox";
    if (writes || target instanceof HTMLSelectElement || target instanceof HTMLTextAreaElement) {
      return;
    }
    // Buttons and boxes are pressed by it.
    if (key === " " && (target instanceof HTMLButtonElement || isBox(target))) return;
    const scrolls = key.startsWith("Arrow") && target instanceof Element;
    if (scrolls && target.closest("aside") !== null) return;
    const act = keys.get(key);
    if (act === undefined) return;
    event.preventDefault();
    act();
  });
}

function isBox(target: EventTarget | null): boolean {
  return target instanceof HTMLInputElement || target instanceof HTMLDetailsElement;
}
