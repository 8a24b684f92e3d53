// Bundles src/ into the assets of chainrule.explainer; with --check it only compares.

import { readFile, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const here = new URL("./", import.meta.url);
const assets = new URL("../src/chainrule/explainer/assets/", here);

async function bundle(entry, target, globalName) {
  const made = await build({
    absWorkingDir: fileURLToPath(here),
    entryPoints: [entry],
    bundle: true,
    minify: true,
    write: false,
    format: "iife",
    ...(globalName && { globalName }),
    target: ["es2022"],
    charset: "ascii",
    legalComments: "none",
    loader: { ".css": "css" },
  });
  return [target, made.outputFiles[0].text.trimEnd() + "\n"];
}

const made = [
  await bundle("src/main.ts", "page.js"),
  await bundle("src/nd.ts", "nd.js", "nd"),
  await bundle("src/typing.ts", "typing.js"),
  await bundle("src/page.css", "page.css"),
  await bundle("src/typing.css", "typing.css"),
];
let stale = 0;
for (const [name, text] of made) {
  const target = new URL(name, assets);
  if (!process.argv.includes("--check")) {
    await writeFile(target, text);
    console.log(`${name}: ${text.length} bytes`);
  } else if ((await readFile(target, "utf8").catch(() => "")) !== text) {
    console.error(`${name} is not what web/ builds: run 'make page' and commit it.`);
    stale = 1;
  }
}
process.exitCode = stale;
