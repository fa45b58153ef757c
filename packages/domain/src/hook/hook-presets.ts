import type { HookMapping } from "@parley/contracts";

interface Preset {
  match: NonNullable<HookMapping["match"]>;
  sessionKey: string;
  messageTemplate: string;
}

/** A mapping with all that it leaves to its preset. */
type WholeMapping = Omit<HookMapping, keyof Preset> & Preset;

/** What is known of senders that many have. */
const PRESETS: Record<NonNullable<HookMapping["preset"]>, Preset> = {
  github: {
    match: { path: "github" },
    sessionKey: "github:{{ headers.x-github-delivery }}",
    messageTemplate:
      "GitHub sent the event {{ headers.x-github-event }} (action {{ action }}) of the repository {{ repository.full_name }}, caused by {{ sender.login }}.\n" +
      "Title: {{ pull_request.title }}{{ issue.title }}{{ release.name }}\nText: {{ comment.body }}{{ review.body }}{{ head_commit.message }}",
  },
  gmail: {
    match: { path: "gmail" },
    sessionKey: "gmail:{{ messages[0].id }}",
    messageTemplate:
      "A mail from {{ messages[0].from }} has come.\nSubject: {{ messages[0].subject }}\n{{ messages[0].snippet }}\n{{ messages[0].body }}",
  },
};

const CATCH_ALL: Preset = { match: {}, sessionKey: "webhook", messageTemplate: "{{ payload }}" };

function wholeMapping(mapping: HookMapping): WholeMapping {
  const { match, sessionKey, messageTemplate } = mapping.preset === undefined ? CATCH_ALL : PRESETS[mapping.preset];
  return {
    ...mapping,
    match: mapping.match ?? match,
    sessionKey: mapping.sessionKey ?? sessionKey,
    messageTemplate: mapping.messageTemplate ?? messageTemplate,
  };
}

const normal = (path: string): string => path.replace(/^\/+|\/+$/g, "").toLowerCase();

/** The mapping that a delivery fits: presets first, then in order. */
export function matchingMapping(mappings: HookMapping[], delivery: { path: string; source: string }): WholeMapping | undefined {
  const ordered = [...mappings.filter(({ preset }) => preset !== undefined), ...mappings.filter(({ preset }) => preset === undefined)];
  return ordered.map(wholeMapping).find(({ match: { path, source } }) => {
    if (path !== undefined && normal(path) !== normal(delivery.path)) return false;
    return source === undefined || source === delivery.source;
  });
}
