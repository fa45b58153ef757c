import type { Limits } from "@parley/contracts";
import type { Gateway } from "@parley/domain";
import type { OpenStream } from "@parley/router";
import { agentPlugin } from "./plugins/agent-plugin.ts";
import { type ForwardedPlugin, forwardPlugin } from "./plugins/forward-plugin.ts";
import { speechPlugin, textPlugin, transcriptionPlugin } from "./plugins/model-plugins.ts";
import type { Plugin } from "./plugins/plugin.ts";

/** What is sold, as the settings have it. */
export interface PluginSettings {
  /** Whose calls are sold to those who have no key; null: nobody's. */
  organizationId: string | null;
  soldAgentId: string | null;
  models: { text: string; speech: string; transcription: string };
  /** The operator's own, by name; null switches one off that is built in. */
  custom: Record<string, ForwardedPlugin | null>;
  fetch(url: string, init: RequestInit): Promise<Response>;
}

interface PluginPorts {
  gateway: Gateway;
  limits: Limits;
  openStream: OpenStream;
}

/** Every plugin by its name. */
export function createPlugins({ soldAgentId, models, custom, fetch }: PluginSettings, ports: PluginPorts): ReadonlyMap<string, Plugin> {
  const plugins = new Map<string, Plugin>([
    ["agent", agentPlugin({ ...ports, soldAgentId })],
    ["generate-text", textPlugin({ ...ports, models })],
    ["tts", speechPlugin({ ...ports, models })],
    ["stt", transcriptionPlugin({ ...ports, models })],
  ]);
  for (const [name, forwarded] of Object.entries(custom)) {
    if (forwarded === null) plugins.delete(name);
    else plugins.set(name, forwardPlugin(forwarded, fetch, ports.limits));
  }
  return plugins;
}
