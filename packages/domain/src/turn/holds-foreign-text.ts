import type { PastTurn } from "./turn-store.ts";

/** Between such marks stands what a webhook has brought. */
export const WEBHOOK_MARK = "webhook_value";

/** And between these what another agent has said. */
export const REMOTE_MARK = "remote_content";

/** How the message begins that a background child's end has written, as `tell_parent` makes it. */
export const WAKE = /^Background task [0-9a-f-]{36} has ended \([a-z]+\): /;

/** Whether a message brings in what somebody else says than its sender: a file, what came by a webhook, or what a background child has found. */
export const holdsForeignText = ({ text, files }: { text: string; files: string[] }): boolean =>
  files.length > 0 || text.includes(`<${WEBHOOK_MARK}>`) || text.includes(`<${REMOTE_MARK} `) || WAKE.test(text);

/** Whether a background child of that turn has found something since, which the turn's prompt tells. */
export const hasChildResult = ({ children }: Pick<PastTurn, "children">): boolean => (children ?? []).some(({ result }) => result !== null);
