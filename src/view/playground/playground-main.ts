// Begins the page.

import "./bun-in-browser.ts";
import { judge } from "./judge-seeds.ts";
import { PlaygroundApp } from "./playground-app.ts";

const root = document.querySelector<HTMLElement>("#page");
if (root !== null) {
  root.replaceChildren();
  new PlaygroundApp(root);
  root.dataset["ready"] = "";
}
// For tests, and for a console.
Object.assign(globalThis, { oskrJudge: judge });
