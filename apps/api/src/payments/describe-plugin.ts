const DESCRIPTIONS: Record<string, string> = {
  agent: "Agent orchestrator request",
  "generate-text": "Text generation (LLM inference)",
  tts: "Text-to-speech synthesis",
  stt: "Speech-to-text transcription",
};

/** What a call of it is, in a sentence; of a plugin of the operator's own its name. */
export const describePlugin = (name: string): string => DESCRIPTIONS[name] ?? name;
