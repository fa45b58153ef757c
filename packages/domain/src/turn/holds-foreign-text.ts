/** Between such marks stands what a webhook has brought. */
export const WEBHOOK_MARK = "webhook_value";

/** Whether a message brings in what somebody else says than its sender: a file, or what came by a webhook. */
export const holdsForeignText = ({ text, files }: { text: string; files: string[] }): boolean =>
  files.length > 0 || text.includes(`<${WEBHOOK_MARK}>`);
