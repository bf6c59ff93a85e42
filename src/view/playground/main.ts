// Begins the page.

import "./bun-in-browser.ts";
import { judge } from "./judge-seeds.ts";

Object.assign(globalThis, { oskrJudge: judge });
const root = document.querySelector<HTMLElement>("#page");
if (root !== null) root.dataset["ready"] = "";
