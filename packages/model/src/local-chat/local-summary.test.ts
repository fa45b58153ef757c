import type { ModelMessage } from "@parley/domain";
import { describe, expect, it } from "vitest";
import { streamLocalChat } from "./local-chat.ts";

async function answer(messages: ModelMessage[]): Promise<string> {
  let text = "";
  for await (const chunk of streamLocalChat({ model: "local/chat", messages, signal: AbortSignal.timeout(10_000) })) {
    if (chunk.type === "text") text += chunk.text;
  }
  return text;
}

function summarise(record: string, words = 400): Promise<string> {
  const messages: ModelMessage[] = [
    { role: "system", content: `Summarise a part of a long conversation in at most ${words} words.\nThe part is a record.` },
    { role: "user", content: `<record>\n${record}\n</record>` },
  ];
  return answer(messages);
}

const turn = (number: number, text: string) =>
  `Turn ${number}\nUser: ${text}\nAssistant: [local/chat] I am the built-in model without a mind of my own. You said: ${text}`;

describe("a summary of the built-in model", () => {
  it("is labelled, the same for the same record, and has each statement once, with its turn", async () => {
    const record = [turn(1, "Hello there"), turn(3, "My cat is called Tom."), turn(4, "My cat is called Tom.")].join("\n\n");
    const summary = await summarise(record);
    expect(summary).toBe(
      "[local/chat] Excerpts:\n[turn 1] User: Hello there\n[turn 3] User: My cat is called Tom.\n[turn 4] User: My cat is called Tom.",
    );
    expect(await summarise(record)).toBe(summary);
  });

  it("leaves questions and greetings out before statements, and stays within the words asked for", async () => {
    const chatter = Array.from({ length: 200 }, (_, index) => turn(index + 10, `So and so and much more of that${"!".repeat(index % 40)}`));
    const summary = await summarise([turn(3, "My cat is called Tom."), ...chatter].join("\n\n"), 50);
    expect(summary).toContain("[turn 3] User: My cat is called Tom.");
    expect(summary.length).toBeLessThanOrEqual(300);
  });

  it("keeps what is stated through summaries of summaries", async () => {
    let summary = await summarise([turn(3, "My cat is called Tom."), turn(4, "And then?")].join("\n\n"));
    for (let level = 2; level <= 5; level += 1) {
      const other = await summarise(turn(level * 100, `I live in town number ${level}.`));
      summary = await summarise(`Turns 1 to 50:\n${summary}\n\nTurns 51 to 100:\n${other}`);
    }
    expect(summary).toContain("[turn 3] User: My cat is called Tom.");
    expect(summary.match(/local\/chat/g)).toHaveLength(1);
  });

  it("is not given where instructions only speak of summaries", async () => {
    const messages: ModelMessage[] = [
      { role: "system", content: "You are kind. Never summarise." },
      { role: "user", content: "Hi" },
    ];
    expect(await answer(messages)).toContain("You said: Hi");
  });
});
