export type { ConfigKeeper, ConfigPatched } from "./config-keeper.ts";
export { keepConfig } from "./keep-config.ts";
export { type FileSettings, readSettings } from "./read-settings.ts";
