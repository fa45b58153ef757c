import { type EndUser, type ErrorIssue, GatewayError, type Limits, type TurnOptions } from "@parley/contracts";

interface Message {
  text: string;
  files: string[];
  user?: EndUser | null | undefined;
  options: TurnOptions;
}

const TEXT_OPTIONS = ["instructionsOverride", "additionalContext", "expectedOutput"] as const;

/** Holds a message against the limits. Throws `message_too_large` for a text, `invalid_input` for files and attributes. */
export function checkMessage({ text, files, user, options }: Message, limits: Limits): void {
  const { messageCharsMax, filesPerMessageMax, endUserAttributesCharsMax } = limits;
  if (text.length > messageCharsMax) throw tooLarge("message", messageCharsMax);
  for (const name of TEXT_OPTIONS) if ((options[name]?.length ?? 0) > messageCharsMax) throw tooLarge(name, messageCharsMax);
  if (files.length > filesPerMessageMax) {
    throw tooMuch({ path: ["files"], code: "too_long", message: `At most ${filesPerMessageMax} files.` });
  }
  const attributes = user?.additionalAttributes;
  if (attributes && JSON.stringify(attributes).length > endUserAttributesCharsMax) {
    const message = `Longer than ${endUserAttributesCharsMax} characters of JSON.`;
    throw tooMuch({ path: ["user", "additionalAttributes"], code: "too_long", message });
  }
}

const tooLarge = (what: string, charsMax: number): GatewayError =>
  new GatewayError("message_too_large", { text: `The ${what} is longer than ${charsMax} characters.` });

const tooMuch = (issue: ErrorIssue): GatewayError => new GatewayError("invalid_input", { issues: [issue] });
