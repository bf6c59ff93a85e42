// Begins the page: unpacks the run that its file holds, or says why it cannot.

import { RUN_VERSION, type RunData } from "../run-data.ts";
import { RunApp } from "./app.ts";
import { RunModel } from "./run-model.ts";

async function unpack(text: string): Promise<RunData> {
  const bytes = Uint8Array.from(atob(text.trim()), (character) => character.charCodeAt(0));
  const unpacked = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return (await new Response(unpacked).json()) as RunData;
}

async function main(root: HTMLElement): Promise<void> {
  const data = await unpack(document.querySelector("#run")?.textContent ?? "");
  if (data.version !== RUN_VERSION) {
    const versions = `version ${data.version}, and its page shows version ${RUN_VERSION}`;
    root.textContent = `This file holds a run of ${versions}.`;
    return;
  }
  root.replaceChildren();
  new RunApp(new RunModel(data), root);
  root.dataset["ready"] = "";
}

const root = document.querySelector<HTMLElement>("#page");
if (root !== null) {
  main(root).catch((error: unknown) => {
    const reason = error instanceof Error ? error.message : String(error);
    root.textContent = `This file is damaged: ${reason}`;
  });
}
