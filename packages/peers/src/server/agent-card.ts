/** A skill, as an agent's tools and sub-agents are shown. */
export interface CardSkill {
  id: string;
  name: string;
  description: string;
}

export interface CardFacts {
  /** Absolute: the address of the agent itself, of all bindings and versions. */
  url: string;
  name: string;
  description: string;
  /** Of the agent. */
  version: number;
  skills: CardSkill[];
}

/** Media types of parts that messages may have: what models are shown of files. */
export const INPUT_MODES = [
  "text/plain",
  "text/markdown",
  "text/html",
  "text/csv",
  "application/json",
  "application/pdf",
  "image/png",
  "image/jpeg",
  "image/gif",
  "image/webp",
];
/** And of those that answers have. */
export const OUTPUT_MODES = ["text/plain"];
const BINDINGS = ["JSONRPC", "HTTP+JSON"] as const;

/** 1.0 first, as careless readers take the first binding that they know. */
const interfacesOf = (url: string) =>
  ["1.0", "0.3"].flatMap((protocolVersion) => BINDINGS.map((protocolBinding) => ({ url, protocolBinding, protocolVersion })));

/** Required texts are never empty. */
const described = (text: string, name: string): string => (text.trim() === "" ? name : text);

const skillsOf = ({ name, description, skills }: CardFacts) =>
  [{ id: "answer", name, description }, ...skills].map((skill) => ({
    id: skill.id,
    name: skill.name,
    description: described(skill.description, skill.name),
    tags: [] as string[],
  }));

const sharedOf = (facts: CardFacts) => ({
  name: facts.name,
  description: described(facts.description, facts.name),
  version: String(facts.version),
  defaultInputModes: INPUT_MODES,
  defaultOutputModes: OUTPUT_MODES,
  skills: skillsOf(facts),
});

const CAPABILITIES = { streaming: true, pushNotifications: true };

const SECURITY = {
  apiKey: { apiKeySecurityScheme: { location: "header", name: "x-api-key" } },
  bearer: { httpAuthSecurityScheme: { scheme: "bearer" } },
};

/** The card of version 1.0. */
export const agentCard = (facts: CardFacts): object => ({
  ...sharedOf(facts),
  supportedInterfaces: interfacesOf(facts.url),
  capabilities: { ...CAPABILITIES, extendedAgentCard: true },
  securitySchemes: SECURITY,
  securityRequirements: [{ schemes: { bearer: { list: [] } } }, { schemes: { apiKey: { list: [] } } }],
});

/** The card of version 0.3, with what lets a reader of 1.0 find its interfaces: those who say no version may be either. */
export const hybridCard = (facts: CardFacts): object => ({
  ...sharedOf(facts),
  protocolVersion: "0.3.0",
  url: facts.url,
  preferredTransport: "JSONRPC",
  additionalInterfaces: BINDINGS.map((transport) => ({ url: facts.url, transport })),
  supportedInterfaces: interfacesOf(facts.url),
  capabilities: { ...CAPABILITIES, stateTransitionHistory: false, extendedAgentCard: true },
  securitySchemes: { apiKey: { type: "apiKey", in: "header", name: "x-api-key" }, bearer: { type: "http", scheme: "bearer" } },
  security: [{ bearer: [] }, { apiKey: [] }],
  supportsAuthenticatedExtendedCard: true,
});

/** The card of version 0.3 as its HTTP+JSON has it: security as protobuf wraps it. */
export const legacyRestCard = (facts: CardFacts): object => ({
  ...hybridCard(facts),
  securitySchemes: SECURITY,
  security: [{ schemes: { bearer: { list: [] } } }, { schemes: { apiKey: { list: [] } } }],
});
