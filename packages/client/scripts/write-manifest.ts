import { copyFileSync, readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const home = fileURLToPath(new URL("../", import.meta.url));
const { name, version, description, license, type } = JSON.parse(readFileSync(`${home}package.json`, "utf8"));

/** What is published is the folder `dist`: in the repository the package is entered by its source, elsewhere by what was built. */
const manifest = {
  ...{ name, version, description, license, type },
  sideEffects: false,
  exports: { ".": { types: "./index.d.ts", default: "./index.js" }, "./package.json": "./package.json" },
  engines: { node: ">=22" },
  publishConfig: { access: "public" },
};
writeFileSync(`${home}dist/package.json`, `${JSON.stringify(manifest, null, 2)}\n`);
copyFileSync(`${home}README.md`, `${home}dist/README.md`);
