import { Document, parseDocument } from "yaml";
import type { SettingPath } from "./setting-path.ts";

/** A setting's new value; null takes it out of the file, so that the standard holds. */
export interface SettingChange extends SettingPath {
  value: unknown;
}

/** The file's text with these settings changed: a YAML file keeps its comments and its order, a JSON file stays one. */
export function changeText(text: string, changes: readonly SettingChange[], { isJson }: { isJson: boolean }): string {
  const document = text.trim() === "" ? new Document({}) : parseDocument(text);
  for (const { section, key, value } of changes) {
    if (value === null) document.deleteIn([section, key]);
    else if (document.has(section)) document.setIn([section, key], document.createNode(value));
    else document.set(section, document.createNode({ [key]: value }));
  }
  return isJson ? `${JSON.stringify(document.toJS(), null, 2)}\n` : document.toString();
}
