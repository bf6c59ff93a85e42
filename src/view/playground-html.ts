// The playground: the simulator in a page of one file. Its build puts other modules in place of the
// few that no browser has, and the mutants of tests/mutants, if there are any, in place of none.

import type { BunPlugin } from "bun";
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { pageHtml } from "./page-html.ts";

const POLICY = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'";
const ROOM = join(import.meta.dir, "playground");
const MUTANTS = join(import.meta.dir, "../../tests/mutants");
/** What errors of the system are called, which a browser has none of. */
const NO_SYSTEM = "export const constants = { errno: {} };";

/** The page as HTML. */
export function playgroundHtml(): Promise<string> {
  return pageHtml({
    title: "oskr: a playground of replication protocols",
    head: `<meta http-equiv="Content-Security-Policy" content="${POLICY}">\n`,
    styles: ["page/run.css", "playground/playground.css"],
    script: "playground/playground-main.ts",
    plugins: [forBrowsers],
    waiting: "The playground",
    data: "",
  });
}

const forBrowsers: BunPlugin = {
  name: "the simulator in a browser",
  setup(build) {
    build.onResolve({ filter: /\/sqlite\.ts$/ }, () => ({
      path: join(ROOM, "sqlite-in-browser.ts"),
    }));
    build.onResolve({ filter: /^node:os$/ }, () => ({ path: "os", namespace: "none" }));
    build.onLoad({ filter: /^os$/, namespace: "none" }, () => ({
      contents: NO_SYSTEM,
      loader: "js",
    }));
    build.onLoad({ filter: /\/playground\/planted\.ts$/ }, () => ({
      contents: plantedModule(),
      loader: "ts",
    }));
  },
};

/** In place of planted.ts: all mutants of a checkout. */
function plantedModule(): string {
  const files = existsSync(MUTANTS) ? readdirSync(MUTANTS).sort() : [];
  const modules = files.filter((file) => file.endsWith(".ts"));
  const imports = modules.map(
    (file, i) => `import * as m${i} from ${JSON.stringify(join(MUTANTS, file))};`,
  );
  const all = modules.map((_, i) => `...(m${i}.mutants ?? [])`);
  return `${imports.join("\n")}\nexport const planted = [${all.join(", ")}];\n`;
}
