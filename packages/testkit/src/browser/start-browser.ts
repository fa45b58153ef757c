import { type Browser, chromium } from "playwright-core";
import { browserProgram } from "./browser-program.ts";

/** A real browser, with nothing of any user in it. Its rules about origins are those of every day. */
export async function startBrowser(): Promise<Browser> {
  const { path, environment } = await browserProgram();
  // Root has no sandbox, and the tests of a bare machine run as root.
  return chromium.launch({
    executablePath: path,
    chromiumSandbox: false,
    env: { ...process.env, ...environment } as Record<string, string>,
  });
}

export { browserMissing } from "./browser-program.ts";
