import type { OpenclawOptions } from "@parley/testkit/openclaw-server";

const FAULTS = ["swallows", "refuses", "cut-before-taken", "cut-in-answer", "aborts", "lies", "restates"] as const;
const FAULT = new RegExp(`\\bfault:(${FAULTS.join("|")})\\b`);

/** An OpenClaw gateway that wants no token, answers with what it was sent, and goes wrong as the words of a message say: `fault:swallows`. */
export const SCRIPTED_CLAW: OpenclawOptions = {
  token: null,
  answer: (message) => message,
  faultOf(message) {
    const named = FAULT.exec(message)?.[1];
    return FAULTS.find((fault) => fault === named) ?? null;
  },
};
