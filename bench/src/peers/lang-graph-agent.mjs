/** The peer's agent: one node that streams the scripted model's answer, token by token. Copied into the peer's folder, where its imports are. */
import { Annotation, StateGraph } from "@langchain/langgraph";

const State = Annotation.Root({ model: Annotation(), text: Annotation(), answer: Annotation() });

async function answer({ model, text }, config) {
  const response = await fetch(`${process.env.MODEL_BASE_URL}/chat/completions`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ model, stream: true, messages: [{ role: "user", content: text }] }),
  });
  const decoder = new TextDecoder();
  let rest = "";
  let whole = "";
  for await (const piece of response.body) {
    const frames = (rest + decoder.decode(piece, { stream: true })).split("\n\n");
    rest = frames.pop();
    for (const frame of frames) {
      if (!frame.startsWith("data: {")) continue;
      const token = JSON.parse(frame.slice(6)).choices[0]?.delta.content;
      if (!token) continue;
      whole += token;
      config.writer(token);
    }
  }
  return { answer: whole };
}

export const graph = new StateGraph(State)
  .addNode("answering", answer)
  .addEdge("__start__", "answering")
  .addEdge("answering", "__end__")
  .compile();
