import { constants, createReadStream } from "node:fs";
import { access, mkdir, open, rename, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { GatewayError } from "@parley/contracts";
import type { BlobStore } from "@parley/domain";

/** What is still being written. No key ends so. */
const PART = ".part~";
const CHUNK_BYTES = 262_144;

const isMissing = (error: unknown): boolean => error instanceof Error && "code" in error && error.code === "ENOENT";

const failed = (cause: unknown): GatewayError => new GatewayError("storage_unavailable", { detail: "the media folder failed", cause });

/**
 * Files in a folder. A file takes its place by a rename, whole and flushed to the disk, so that nobody ever sees a part of it. Several
 * machines need a folder that they share.
 */
export function createDiskStore(folder: string): BlobStore {
  const pathOf = (key: string): string => {
    if (!/^[A-Za-z0-9-]+\/[A-Za-z0-9][A-Za-z0-9.-]*$/.test(key)) throw new GatewayError("internal", { detail: "a malformed blob key" });
    return join(folder, key);
  };

  async function opened(path: string) {
    try {
      await mkdir(dirname(path), { recursive: true, mode: 0o700 });
      return await open(path + PART, "wx", 0o600);
    } catch (cause) {
      throw failed(cause);
    }
  }

  async function flushFolder(path: string): Promise<void> {
    const handle = await open(dirname(path), constants.O_RDONLY);
    try {
      await handle.sync();
    } finally {
      await handle.close();
    }
  }

  return {
    async write(key, source) {
      const path = pathOf(key);
      const file = await opened(path);
      try {
        for await (const chunk of source) {
          await writeAll(file, chunk);
        }
        await file.sync().catch((cause: unknown) => Promise.reject(failed(cause)));
      } catch (error) {
        await file.close();
        await rm(path + PART, { force: true });
        throw error;
      }
      try {
        await file.close();
        await rename(path + PART, path);
        await flushFolder(path);
      } catch (cause) {
        throw failed(cause);
      }
    },

    async open(key, range) {
      const path = pathOf(key);
      try {
        await access(path, constants.R_OK);
      } catch (error) {
        if (isMissing(error)) return null;
        throw failed(error);
      }
      return createReadStream(path, { highWaterMark: CHUNK_BYTES, ...(range && { start: range.start, end: range.end }) });
    },

    async remove(key) {
      const path = pathOf(key);
      try {
        await Promise.all([rm(path, { force: true }), rm(path + PART, { force: true })]);
      } catch (cause) {
        throw failed(cause);
      }
    },
  };
}

async function writeAll(file: Awaited<ReturnType<typeof open>>, chunk: Uint8Array): Promise<void> {
  try {
    let written = 0;
    while (written < chunk.byteLength) written += (await file.write(chunk, written)).bytesWritten;
  } catch (cause) {
    throw failed(cause);
  }
}
