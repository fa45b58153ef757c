import { expect, test } from "vitest";
import type { ModelMessage } from "../model/model.ts";
import { silentLog } from "../testing/silent-log.ts";
import { createFileShow, type FilePorts } from "./show-files.ts";

const ids = { picture: "1".repeat(32), text: "2".repeat(32), film: "3".repeat(32), gone: "4".repeat(32) };
const types: Record<string, string> = { [ids.picture]: "image/png", [ids.text]: "text/plain", [ids.film]: "video/mp4" };

function show(mediaPromptBytesMax = 1_000) {
  const reads: string[] = [];
  const ports: FilePorts = {
    media: {
      find: async (_, [id = ""]) => {
        const contentType = types[id];
        if (contentType === undefined) return [];
        return [{ id, fileName: "f", contentType, size: 10, sha256: "", createdAt: "", expiresAt: null, expired: false }];
      },
    },
    blobs: {
      async open(key) {
        reads.push(key);
        return (async function* () {
          yield Buffer.from("0123456789");
        })();
      },
    },
    log: silentLog,
    limits: { mediaPromptBytesMax },
  };
  return { reads, shown: createFileShow(ports, "org") };
}

const said = (...files: string[]): ModelMessage => ({ role: "user", content: "look", files: files.map((id) => `media:${id}`) });

test("messages without files of ours are handed on as they are", async () => {
  const messages: ModelMessage[] = [
    { role: "system", content: "s" },
    { role: "user", content: "u", files: ["https://example.com/a.png"] },
  ];
  expect(await show().shown(messages)).toBe(messages);
});

test("a picture is data, a text stands in its enclosure, anything else is named; each is read once", async () => {
  const { shown, reads } = show();
  const messages = [said(ids.picture, ids.text, ids.film, ids.gone)];
  const [message] = await shown(messages);
  await shown(messages);
  expect(message).toMatchObject({ files: [`data:image/png;base64,${Buffer.from("0123456789").toString("base64")}`] });
  expect(message?.content).toContain("<file_content>\n0123456789\n</file_content>");
  expect(message?.content).toContain(" (video/mp4, 10 bytes): its content cannot be shown here]\n<file_name>\nf\n</file_name>");
  expect(message?.content).toContain("it is not kept any more");
  expect(reads).toEqual([`org/${ids.picture}`, `org/${ids.text}`]);
});

test("what is too much is named, the oldest first", async () => {
  const [older, newer] = await show(15).shown([said(ids.picture), said(ids.text)]);
  expect(older?.content).toContain("too large to be shown here");
  expect(newer?.content).toContain("0123456789");
});
