import { chatUsage, type Usage } from "@parley/contracts";

/** What all chunks of an answer have in common. */
export interface ChatHead {
  id: string;
  /** Unix seconds. */
  created: number;
  model: string;
}

/** The frames of one streamed answer. */
export function chatChunks(head: ChatHead, showsUsage: boolean) {
  const frame = (choices: unknown[], usage: object | null): string =>
    `data: ${JSON.stringify({ ...head, object: "chat.completion.chunk", choices, ...(showsUsage && { usage }) })}\n\n`;
  const choice = (delta: object, finish: string | null = null): string =>
    frame([{ index: 0, delta, logprobs: null, finish_reason: finish }], null);
  return {
    role: () => choice({ role: "assistant", content: "", refusal: null }),
    text: (content: string) => choice({ content }),
    finish: (reason: string, usage: Usage) => choice({}, reason) + (showsUsage ? frame([], chatUsage(usage)) : ""),
  };
}

export const wholeChat = (head: ChatHead, { content, finish, usage }: { content: string; finish: string; usage: Usage }) => ({
  ...head,
  object: "chat.completion",
  choices: [{ index: 0, message: { role: "assistant", content, refusal: null }, logprobs: null, finish_reason: finish }],
  usage: chatUsage(usage),
});
